"""The Host in RAM: a virtual clock that moves only when told, null-modem streams and a store that forgets.

For tests and simulation: the same rig, seed and inputs give the same bytes. It runs on both interpreters.

    host = MemoryHost(seed=1)
    rack = Rack(host, rig)
    await rack.start()
    await host.clock.advance(1000)     # one second passes, in no time

clock     time that moves when told
net       what listens at the other ends of streams: addresses and serial lines
streams   null modems, loaded where one is opened
volume    files that grow, that can fail, hang, and lose power
recorded  the same with a log, so that it can lose power at any byte; loaded where it is used
broker    an MQTT broker, and sessions with it
host      all of them as one Host, with log, entropy, secrets and store
"""

from fluxrig_ports.memory.broker import Broker, MemoryMqtt
from fluxrig_ports.memory.clock import VirtualClock
from fluxrig_ports.memory.host import MemoryHost, MemoryStore
from fluxrig_ports.memory.net import Network
from fluxrig_ports.memory.volume import MemoryVolume

__all__ = [
    "Broker",
    "MemoryHost",
    "MemoryMqtt",
    "MemoryStore",
    "MemoryVolume",
    "Network",
    "VirtualClock",
]
