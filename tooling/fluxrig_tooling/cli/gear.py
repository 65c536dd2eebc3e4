"""`fluxrig gear`: which Gear types there are, and what each one takes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fluxrig_tooling.cli.common import folder_option, json_option, print_glossary, print_json, with_hint
from fluxrig_tooling.cli.terminal import WIDTH, paragraph

if TYPE_CHECKING:
    from fluxrig_tooling.rig.manifest import Manifest, Port

gears_folder_option = folder_option("gears")


@click.group("gear")
def command() -> None:
    """List the Gear types and show what each one takes."""


@command.command("list")
@gears_folder_option
@json_option
def list_(folder: Path, as_json: bool) -> None:
    """List the Gear types: name, where they run, what they do.

    \b
    Example:
      fluxrig gear list
    """
    manifests = _manifests(folder)
    if as_json:
        print_json([{"type": each.type, "summary": each.summary, "targets": each.targets} for each in manifests])
        return
    print_glossary({each.type: each.summary for each in manifests})


@command.command()
@click.argument("type_name", metavar="[TYPE]", required=False)
@gears_folder_option
@json_option
def doc(type_name: str | None, folder: Path, as_json: bool) -> None:
    """Show what gear TYPE does: ports, configuration, examples. Without TYPE: all of them.

    \b
    Example:
      fluxrig gear doc filter
    """
    manifests = _manifests(folder, type_name)
    if as_json:
        documents = [_document(manifest) for manifest in manifests]
        print_json(documents[0] if type_name else documents)
        return
    click.echo("\n\n".join("\n".join(_lines(manifest)) for manifest in manifests))


def _manifests(folder: Path, only: str | None = None) -> list[Manifest]:
    """The manifests of all types, or of one. A type that cannot be shown is a negative answer."""
    from fluxrig.errors import LocalError
    from fluxrig_tooling.rig import Catalog

    catalog = Catalog(folder)
    try:
        return [catalog.manifest(name) for name in ([only] if only else catalog.types())]
    except LocalError as exc:
        raise click.ClickException(with_hint(exc)) from exc


def _document(manifest: Manifest) -> dict[str, Any]:
    return {
        "type": manifest.type,
        "summary": manifest.summary,
        "targets": manifest.targets,
        "sends_outside": manifest.sends_outside,
        "inputs": {
            name: {"doc": port.doc, "required": port.required, "hot_only": port.hot_only}
            for name, port in manifest.inputs.items()
        },
        "outputs": {name: {"doc": port.doc} for name, port in manifest.outputs.items()},
        "config": manifest.config,
        "examples": [{"doc": example.doc, "yaml": example.yaml} for example in manifest.examples],
    }


def _lines(manifest: Manifest) -> list[str]:
    """The page of one type, at most `WIDTH` columns wide."""
    heading = click.style(manifest.type, bold=True)
    lines = [heading, _entry("", manifest.summary, -2), "", f"Runs on: {', '.join(manifest.targets)}"]
    for title, ports in (("Inputs", manifest.inputs), ("Outputs", manifest.outputs)):
        if ports:
            lines += ["", f"{title}:"]
            lines += [_entry(name + _facts(port), port.doc, 2) for name, port in ports.items()]
    lines += ["", "Config:", *_properties(manifest.config, 2)]
    for example in manifest.examples:
        lines += ["", "Example:", _entry("", example.doc, -2), ""]
        lines += ["  " + line for line in example.yaml.strip("\n").splitlines()]
    return lines


def _facts(port: Port) -> str:
    facts = ["required"] * port.required + ["no guaranteed wire"] * bool(port.hot_only)
    return f" ({', '.join(facts)})" if facts else ""


def _properties(schema: dict[str, Any], indent: int, root: dict[str, Any] | None = None) -> list[str]:
    """The properties of an object schema, nested ones indented."""
    root = root or schema
    lines = []
    for name, declared in schema.get("properties", {}).items():
        own = _resolved(declared, root)
        facts = [_type_text(own)]
        if name in schema.get("required", ()):
            facts.append("required")
        if "default" in own:
            facts.append(f"default {own['default']}")
        facts += _defaults(own.get("defaults", {}))
        term = click.wrap_text(f"{name} ({', '.join(facts)})", WIDTH - indent, "", " " * (indent + 2))
        lines.append(_entry(term, own.get("description", ""), indent))
        if own.get("examples"):
            lines.append(_entry("", "for example " + ", ".join(str(each) for each in own["examples"]), indent))
        inner = own.get("additionalProperties")
        nested = _resolved(inner, root) if isinstance(inner, dict) else own
        lines += _properties(nested, indent + 4, root)
    return lines


def _defaults(by_target: dict[str, Any]) -> list[str]:
    """Those that depend on the interpreter, or not, and on the Rack rather than on the gear."""
    values = list(by_target.values())
    if len(values) > 1 and all(value == values[0] for value in values):
        return [f"default {values[0]}"]
    return [f"default on {target} {value}" for target, value in by_target.items()]


def _resolved(schema: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    reference = schema.get("$ref", "").removeprefix("#/$defs/")
    return {**root["$defs"][reference], **schema} if reference else schema


def _type_text(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return " | ".join(str(value) for value in schema["enum"])
    if "format" in schema:
        return str(schema["format"])
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return " or ".join(dict.fromkeys(_type_text(each) for each in schema[key]))
    kinds = schema.get("type", "any")
    text = " or ".join(kinds) if isinstance(kinds, list) else str(kinds)
    if "minimum" in schema and "maximum" in schema:
        text += f" {schema['minimum']} to {schema['maximum']}"
    return text


def _entry(term: str, text: str, indent: int) -> str:
    prefix = " " * indent
    body = paragraph(" ".join(text.split()), prefix + "    ", prefix + "    ")
    return f"{prefix}{term}\n{body}" if term and text else body if text else prefix + term
