"""The Host of gateways and servers: CPython >= 3.11 on Linux, macOS or Windows.

clock       microsecond deadlines on the asyncio loop
loop        that loop: timers finer than the whole milliseconds of epoll
descriptor  streams over a file descriptor, and the time limits of their reads
net         TCP streams
tty         serial lines, on pyserial
mqtt        a publishing MQTT 3.1.1 session, on paho
store       files that survive a power cut
faults      what the operating system reports, as FluxErrors
host        all of them as one Host, with log, entropy and secrets
run         a compiled rig as a process: signals, orderly end
"""
