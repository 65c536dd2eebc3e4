"""The exception codes of Modbus: what a server that refuses a request says about why.

Source: MODBUS Application Protocol Specification V1.1b3, section 7, whose names these are. Loaded with the first
exception: most devices never refuse anything.
"""

ILLEGAL_FUNCTION = 1
ILLEGAL_DATA_ADDRESS = 2
ILLEGAL_DATA_VALUE = 3
SERVER_DEVICE_FAILURE = 4
ACKNOWLEDGE = 5
SERVER_DEVICE_BUSY = 6
MEMORY_PARITY_ERROR = 8
GATEWAY_PATH_UNAVAILABLE = 10
GATEWAY_TARGET_FAILED_TO_RESPOND = 11

REASONS = {
    ILLEGAL_FUNCTION: "illegal_function",
    ILLEGAL_DATA_ADDRESS: "illegal_address",
    ILLEGAL_DATA_VALUE: "illegal_value",
    SERVER_DEVICE_FAILURE: "device_failure",
    ACKNOWLEDGE: "acknowledge",
    SERVER_DEVICE_BUSY: "device_busy",
    MEMORY_PARITY_ERROR: "memory_parity_error",
    GATEWAY_PATH_UNAVAILABLE: "gateway_path_unavailable",
    GATEWAY_TARGET_FAILED_TO_RESPOND: "gateway_target_no_response",
}
"""What qualities and logs call each of them."""

NO_SUCH_ITEM = (ILLEGAL_DATA_ADDRESS, ILLEGAL_DATA_VALUE)
"""These may be about a part of a request only: the rest of it is worth asking for."""

GATEWAY_CODES = (GATEWAY_PATH_UNAVAILABLE, GATEWAY_TARGET_FAILED_TO_RESPOND)
"""Those of a gateway that cannot reach the unit."""

MAY_BE_CARRIED_OUT = (ACKNOWLEDGE, GATEWAY_TARGET_FAILED_TO_RESPOND)
"""These refuse nothing: the device has taken the request and is busy with it, or it did not answer the gateway, which
has passed it on."""
