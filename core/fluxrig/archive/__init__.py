"""The archive of a Rack, on `fluxrig.journal`.

archive       taking messages, writing them, and what happens while the disk is away
outbox        what leaves, in order, once it is durable
opening       taking up what the last run has left
upkeep        retention, checkpoints
cursor        where the consumer of a guaranteed wire stands in it
dead_letters  messages that a consumer refused again and again
marks         what is written into the meta of messages
guaranteed    wires that hold no messages: each is a cursor in the archive
invariant     nothing leaves the Rack that has not been archived: the check of a rig as it is loaded
"""
