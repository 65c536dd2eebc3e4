"""The vocabulary of Modbus, as rig files and command lines write it: below the packages that read those.

tables     the four tables of a unit, and the functions that read them
addresses  hr:0, references such as 40001, and ranges of both
types      the types of a value, and the registers each takes
orders     the orders of the bytes of a value over several registers
unit_ids   the ids a unit can have
"""
