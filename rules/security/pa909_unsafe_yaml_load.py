from pipeaudit.rule import Confidence, Event, Events, Iterator, Match, Rewrite, Scope, Severity, rule

# A file that does name Python objects can't be loaded any more; that is the point, and a change.
_FORMS = tuple(
    (f"_y.{before}", f"_y.safe_load{every}(_f)")
    for every in ("", "_all")
    for before in (
        f"load{every}(_f)",
        f"load{every}(_f, _l)",
        f"load{every}(_f, Loader=_l)",
        f"full_load{every}(_f)",
        f"unsafe_load{every}(_f)",
    )
)


@rule(
    "PA909",
    Severity.ERROR,
    ceiling=Confidence.HIGH,
    stage=None,
    controls=("TRN-2",),
    scope=Scope.FILE,
    fixable=True,
    unsafe_fix=True,
    security_severity="7.0",
)
def unsafe_yaml_load(events: Events) -> Iterator[Match]:
    """YAML is loaded by a loader that builds any Python object the file asks for.

    A configuration file can then run commands: `!!python/object/apply:os.system ["..."]`.

    Bad:

        import yaml

        with open("params.yaml") as file:
            params = yaml.load(file, Loader=yaml.Loader)

    Good:

        import yaml

        with open("params.yaml") as file:
            params = yaml.safe_load(file)

    Fix: `yaml.safe_load`.

    Not seen: loaders of the repository's own; they are left alone, as most derive from the safe one. The full loader is
    told as a warning.

    Source: SSDF PW.5.
    """
    for event in events.of("config_load"):
        loader = event.argument("Loader")
        kind = loader.types[0].rpartition(".")[2] if loader is not None and loader.types else ""
        unsafe = event.detail.get("unsafe") is True or kind in (
            "Loader",
            "UnsafeLoader",
            "CLoader",
            "FullLoader",
            "CFullLoader",
        )
        if not unsafe or not _is_yaml(event):
            continue
        full = "full" in event.short.lower() or "Full" in kind
        yield Match(
            event.at,
            f"`{event.short}`{f' with `{kind}`' if kind else ''} "
            + ("runs code of the file before PyYAML 5.4" if full else "builds any Python object that the file names"),
            confidence=Confidence.MEDIUM if full else Confidence.HIGH,
            severity=Severity.NOTE if full else None,
            fix="Use yaml.safe_load.",
            symbol=event.function,
            edit=Rewrite(event.at, _FORMS, safe=False),
        )


def _is_yaml(event: Event) -> bool:
    return event.effect("reads").get("fmt") == "yaml"
