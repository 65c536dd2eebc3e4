"""An append-only, hash-chained log of messages in segments, on a `Volume` of the Host. Its format: `frames`.

frames     bytes of a segment: frames, headers, links, the chain
journal    writing: groups made durable together, segments, the watermark
recovery   what a crash left: opened, judged, and said; with scan, which reads a segment for it
reader     reading: groups from a position on
window     frames of a file that is longer than what RAM holds of it
retention  how much is kept
removal    taking the oldest segment away, and the stub that stands for it
"""
