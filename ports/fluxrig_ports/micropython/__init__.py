"""The Host of MicroPython >= 1.24: the unix port, and the base that the devices build on.

clock   microsecond deadlines on a loop that counts milliseconds
polled  streams that never wait, and the time limits of their reads
net     TCP streams
tty     serial lines of the unix port
uart    serial lines of a device, and the pin of an RS-485 transceiver
mqtt    a publishing MQTT 3.1.1 session, on umqtt.simple
link    the bounded socket that umqtt.simple is given
store   small files, replaced whole
faults  what the system reports, as FluxErrors
host    all of them as one Host, with log, entropy and secrets
run     a compiled rig as a program: `micropython -m fluxrig_ports.micropython.run rig.flux [SECONDS]`
"""
