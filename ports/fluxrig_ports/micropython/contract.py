"""The contract of `fluxrig.host` as base classes: for who checks types. Loaded, it would take room for nothing here."""

from fluxrig.compat import TYPE_CHECKING

if TYPE_CHECKING:
    from fluxrig.host import Appender, Clock, Host, Mqtt, Store, Stream, Volume
else:
    Appender = Clock = Host = Mqtt = Store = Stream = Volume = object

__all__ = ["Appender", "Clock", "Host", "Mqtt", "Store", "Stream", "Volume"]
