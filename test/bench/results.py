"""Medians and spread of the rounds, as a table and as JSON."""

import statistics

# Column: heading, format of a number, and which value is better.
COLUMNS = {
    "gateway_pss_per_subscription": ("gateway, B a subscription (PSS)", "int", "low"),
    "gateway_rss_per_subscription": ("gateway, B a subscription (RSS)", "int", "low"),
    "nats_rss_per_subscription": ("nats-server, B a subscription", "int", "low"),
    "consumers": ("consumers", "int", "low"),
    "connects_per_s": ("connects/s", "int", "high"),
    "setup_p50": ("set-up p50 ms", "ms", "low"),
    "setup_p99": ("p99 ms", "ms", "low"),
    "setup_max": ("max ms", "ms", "low"),
    "gateway_cpu_per_connect": ("gateway CPU µs a connect", "real", "low"),
    "nats_cpu_per_connect": ("nats-server CPU µs", "real", "low"),
    "failed": ("failed", "int", "low"),
    "events_per_s": ("events/s", "int", "high"),
    "published_per_s": ("messages/s", "int", "high"),
    "nats_cpu_per_message": ("nats-server CPU µs a message", "real", "low"),
    "gateway_cpu_per_message": ("gateway CPU µs a message", "real", "low"),
    "bytes_per_s": ("bytes/s", "int", "high"),
    "cpu_per_million": ("gateway CPU s a million", "real", "low"),
    "nats_cpu_per_million": ("nats-server CPU s a million messages", "real",
                             "low"),
    "switches_per_million": ("context switches a million", "int", "low"),
    "gateway_peak": ("gateway peak RSS, MiB", "mib", "low"),
    "wrong": ("missing or wrong", "int", "low"),
    "latency_p50": ("p50 ms", "ms", "low"),
    "latency_p90": ("p90 ms", "ms", "low"),
    "latency_p99": ("p99 ms", "ms", "low"),
    "latency_p99.9": ("p99.9 ms", "ms", "low"),
    "latency_max": ("max ms", "ms", "low"),
    "live_p99_alone": ("live p99 alone, ms", "ms", "low"),
    "live_p99_beside": ("beside it, ms", "ms", "low"),
    "resume_s": ("all caught up after s", "ms", "low"),
    "api_calls": ("JetStream requests", "int", "low"),
    "gateway_cpu_s": ("gateway CPU s", "real", "low"),
    "gateway_cpu_percent": ("gateway, % of a core", "real", "low"),
    "nats_cpu_percent": ("nats-server, % of a core", "real", "low"),
    "pings": ("pings", "int", None),
    "requests_per_s": ("requests/s", "int", "high"),
    "wrk_p50": ("p50 ms", "ms", "low"),
    "publish_p50": ("p50 ms", "ms", "low"),
    "publish_p99": ("p99 ms", "ms", "low"),
    "gateway_cpu_per_request": ("gateway CPU µs a request", "real", "low"),
    "wrk_p99": ("p99 ms", "ms", "low"),
    "errors": ("errors", "int", "low"),
    "opened": ("subscriptions open", "int", "high"),
    "gateway_pss": ("gateways, MiB (PSS)", "mib", "low"),
}


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def summary(rounds):
    """{"column": {"median":, "min":, "max":}} of the results of all rounds."""
    found = {}
    for column in sorted({k for r in rounds for k in r}):
        values = [r[column] for r in rounds if is_number(r.get(column))]
        if values:
            found[column] = {"median": statistics.median(values),
                             "min": min(values), "max": max(values)}
    return found


def text_of(value, how):
    if how == "int":
        return f"{round(value):,}"
    if how == "mib":
        return f"{value / 2**20:,.1f}"
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3f}" if how == "ms" else f"{value:.2f}"


def _cell(stats, how):
    if stats is None:
        return "-"
    middle = text_of(stats["median"], how)
    low, high = (text_of(stats[k], how) for k in ("min", "max"))
    return middle if low == high else f"{middle} ({low} to {high})"


def _row(cells):
    return "| " + " | ".join(cells) + " |\n"


def _ratio(column, row, rows):
    """How many times better the first peer is than this one."""
    better = COLUMNS[column][2]
    first = rows[0]["summary"].get(column)
    mine = row["summary"].get(column)
    if row is rows[0] or better is None or not first or not mine:
        return ""
    a, b = first["median"], mine["median"]
    if better == "low":
        a, b = b, a
    return f" **×{a / b:.2g}**" if a > 0 and b > 0 else ""


def _saturated(row):
    return any(r.get("timed_out") for r in row["rounds"])


def table(columns, rows):
    """Rows of one case: {"peer":, "summary":, "rounds":, "why":}."""
    shown = [c for c in columns if any(c in r["summary"] for r in rows)]
    text = _row(["peer"] + [COLUMNS[c][0] for c in shown])
    text += _row(["---"] * (len(shown) + 1))
    for row in rows:
        if not row["rounds"]:
            text += _row([row["peer"], row["why"]]
                         + [""] * (len(shown) - 1))
            continue
        cells = [_cell(row["summary"].get(c), COLUMNS[c][1])
                 + (_ratio(c, row, rows) if c == shown[0] else "")
                 for c in shown]
        name = row["peer"] + (" (timed out)" if _saturated(row) else "")
        text += _row([name] + cells)
    return text


def _syscalls(row):
    """The most frequent system calls of the round under strace."""
    counts = row.get("syscalls") or {}
    if not counts:
        return ""
    most = sorted((k for k in counts if k != "total"),
                  key=lambda k: -counts[k])[:8]
    return (f"- {row['peer']}: {counts['total']:,} ("
            + ", ".join(f"{k} {counts[k]:,}" for k in most) + ")\n")


def _syscall_list(rows):
    lines = "".join(_syscalls(r) for r in rows)
    return lines and "\nSystem calls of the gateway:\n\n" + lines


def markdown(document, scenarios):
    machine = document["machine"]
    text = "# Benchmarks\n\n"
    text += "".join(f"- {k.replace('_', ' ')}: {v}\n"
                    for k, v in machine.items())
    text += (f"- rounds: {document['rounds']}, scale: {document['scale']}\n\n"
             "Medians; the lowest and highest round are in parentheses. "
             "× is how many times better the first peer is.\n")
    for scenario in scenarios:
        cases = document["results"].get(scenario.name)
        if not cases:
            continue
        text += f"\n## {scenario.title}\n\n`{scenario.name}`\n"
        for case, rows in cases.items():
            text += f"\n{case}\n\n"
            text += table(scenario.columns_of(case), rows)
            text += _syscall_list(rows)
    return text
