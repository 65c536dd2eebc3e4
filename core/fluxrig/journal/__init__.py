"""An append-only, hash-chained log of messages in segments, on a `Volume` of the Host. Its format: `frames`.

frames     bytes of a segment: frames, headers, links, the chain
journal    writing: groups made durable together, segments, the watermark
recovery   what a crash left: opened, judged, and said
reader     reading: groups from a position on
retention  how much is kept, and the stub of what is not
"""
