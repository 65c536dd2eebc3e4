"""A part of a read request: what is asked instead when a server refuses the whole.

Here a request is what the compiler makes of it: [function, address, count, order, layout, slots], the last three those
of a `ReadPlan`. The slots stand in the order of their addresses, and may share registers.
"""

from struct import calcsize

from fluxrig.modbus.pdu import read_size, reads_bits


def split(request: list, first: int, end: int) -> list:
    """The request for the slots `first` to `end - 1` of `request` alone, which reads nothing else around them."""
    function, address, _, _, _, slots = request
    fields = _fields(request)[first:end]
    spans = [_span(function, field, slot) for field, slot in zip(fields, slots[first:end])]
    start = min([offset for offset, _ in spans])
    count = max([offset + size for offset, size in spans]) - start
    order = bytearray()
    parts = []
    for (picks, _), slot, (offset, _) in zip(fields, slots[first:end], spans):
        if reads_bits(function):
            byte, bit = divmod(offset - start, 8)
            order.append(byte)
            parts.append([slot[0], slot[1], 1 << bit] + slot[3:])
        else:
            order.extend(bytes([pick - 2 * start for pick in picks]))
            parts.append(slot)
    in_order = order == bytes(range(read_size(function, count)))
    layout = ">" + "".join([code for _, code in fields])
    return [function, address + start, count, b"" if in_order else bytes(order), layout, parts]


def tags_of(request: list, first: int = 0, end: int | None = None) -> list:
    """The tags of the slots `first` to `end - 1` of `request`, all by default."""
    _, _, _, _, _, slots = request
    return [slot[0] for slot in slots[first:end]]


def extent(request: list, index: int) -> tuple:
    """(offset, count): the items that the slot at `index` is read from, counted from the first of the request."""
    function, _, _, _, _, slots = request
    return _span(function, _fields(request)[index], slots[index])


def _span(function: int, field: tuple, slot: list) -> tuple:
    picks, _ = field
    if reads_bits(function):
        _, _, mask, _, _ = slot
        bit = 0
        while mask >> bit != 1:
            bit += 1
        return 8 * picks[0] + bit, 1
    first = min(picks) // 2
    return first, max(picks) // 2 + 1 - first


def _fields(request: list) -> list:
    """[(picks, code), …]: for each slot the bytes of the response that it picks, and its part of the layout."""
    _, _, _, order, layout, _ = request
    fields = []
    at = 0
    for code in _codes(layout):
        end = at + calcsize(">" + code)
        fields.append((order[at:end] if order else bytes(range(at, end)), code))
        at = end
    return fields


def _codes(layout: str) -> list:
    """The code of each field: ["H", "H", "6s"] for >2H6s, where the count of text is a length."""
    codes = []
    count = ""
    for char in layout[1:]:
        if char.isdigit():
            count += char
        else:
            codes += [count + char] if char == "s" else [char] * int(count or 1)
            count = ""
    return codes
