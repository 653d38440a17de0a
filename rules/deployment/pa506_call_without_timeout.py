from pipeaudit.rule import Confidence, Events, Iterator, Match, Rewrite, Scope, Severity, handlers, is_example, rule


@rule(
    "PA506",
    Severity.WARNING,
    ceiling=Confidence.HIGH,
    stage=None,
    controls=("DEP-4", "MON-2"),
    scope=Scope.FILE,
    fixable=True,
    unsafe_fix=True,
)
def call_without_timeout(events: Events) -> Iterator[Match]:
    """Another service is called with no limit on the wait.

    When it hangs, the job or the request hangs with it, for ever, and so does everything that waits for that.

    Bad:

        import requests

        rows = requests.get("https://features.acme.io/rows").json()

    Good:

        import requests

        rows = requests.get("https://features.acme.io/rows", timeout=10).json()

    Fix: `timeout=`, a little longer than the service usually takes.

    Not seen: a limit that a session's adapter or the platform sets. Libraries with a limit of their own (httpx, boto3)
    are left alone; so are notebooks, where a person waits.
    """
    if events.is_test or events.is_notebook or is_example(events.path):
        return
    served = {event.id for handler in handlers(events) for event in handler.items}
    for event in events:
        name = event.detail.get("waits")
        if isinstance(name, str):
            yield Match(
                event.at,
                f"`{event.short}` has no `{name}`: it may wait for ever"
                + (", and with it the request that it serves" if event.id in served else ""),
                fix=f"Pass {name}=.",
                symbol=event.function,
                edit=Rewrite(
                    event.at,
                    tuple((f"{call}(*___)", f"{call}(*___, {name}=10)") for call in (event.short, f"_m.{event.short}")),
                    safe=False,
                ),
            )
