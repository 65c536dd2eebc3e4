"""The drawing of a rig. No Mermaid runs here: what it draws was looked at, and this is the text that it drew."""

import re

from fluxrig_tooling.rig import load_text, mermaid

RIG = """
fluxrig: 1
meta: {name: r, version: 1}
racks: [{name: line-1, board: UNIX}, {name: empty}]
gears:
  - {name: end, type: io_modbus, deploy: line-1, config: {link: "tcp://h", tags: {x: {address: "hr:0"}}}}
  - {name: edge, type: filter, deploy: line-1}
  - {name: log, type: console, deploy: line-1}
wires:
  - {from: end, to: edge, lane: guaranteed}
  - {from: [edge, edge.err], to: log}
"""


def test_racks_gears_ports_and_lanes_are_drawn():
    rig, _ = load_text(RIG.replace("[edge, edge.err]", "edge.err"))
    assert rig
    assert mermaid(rig).splitlines() == [
        "flowchart LR",
        '  subgraph r0["line-1 (UNIX)"]',
        '    g0["end<br/>io_modbus"]',
        '    g1["edge<br/>filter"]',
        '    g2["log<br/>console"]',
        "  end",
        '  subgraph r1["empty (GENERIC)"]',
        "  end",
        "  g0 -.-> g1",
        '  g1 -->|"err"| g2',
    ]


def test_every_wire_joins_nodes_that_are_there():
    rig, _ = load_text(RIG)
    assert rig
    text = mermaid(rig)
    nodes = set(re.findall(r"^    (g\d+)\[", text, re.M))
    arrows = re.findall(r"^  (g\d+) \S+ (g\d+)$", text, re.M)
    assert len(arrows) == len(rig.wires) == 3
    assert {node for arrow in arrows for node in arrow} <= nodes
