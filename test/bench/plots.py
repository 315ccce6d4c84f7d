"""SVG plots by gnuplot: bars of a scenario's main figure, curves of latency."""

import os
import re
import shutil
import subprocess

HEAD = """set terminal svg size 760,420 dynamic background "white" \\
    font "sans,12"
set output "{path}"
set title "{title}" noenhanced
set key outside right noenhanced
set xtics noenhanced
set grid ytics
"""

PERCENTS = (0, 10, 25, 50, 75, 90, 95, 99, 99.5, 99.9, 99.95, 99.99)


def _run(script):
    subprocess.run(["gnuplot"], input=script, text=True, check=True)


def _peers(cases):
    names = []
    for rows in cases.values():
        names += [r["peer"] for r in rows if r["peer"] not in names]
    return names


def _value(rows, peer, column):
    for row in rows:
        if row["peer"] == peer and column in row["summary"]:
            return row["summary"][column]
    return None


def _bars_data(cases, peers, column):
    text = "$data << END\n"
    for case, rows in cases.items():
        text += f'"{case}"'
        for peer in peers:
            v = _value(rows, peer, column)
            text += (f" {v['median']} {v['min']} {v['max']}"
                     if v else " NaN NaN NaN")
        text += "\n"
    return text + "END\n"


def bars(path, title, cases, column, heading, logarithmic):
    peers = _peers(cases)
    script = HEAD.format(path=path, title=title)
    script += _bars_data(cases, peers, column)
    script += (f'set ylabel "{heading}" noenhanced\n'
               "set style data histogram\n"
               "set style histogram errorbars gap 1 lw 1\n"
               "set style fill solid 0.8\nset bars 0.3\n")
    # A logarithmic axis has no zero: gnuplot chooses where its bars begin.
    script += ("set logscale y\nset format y '%.0s%c'\n" if logarithmic else
               "set yrange [0:*]\nset format y '%.1s%c'\n")
    plots = [f"$data using {2 + 3 * i}:{3 + 3 * i}:{4 + 3 * i}:xtic(1) "
             f'title "{peer}"' for i, peer in enumerate(peers)]
    _run(script + "plot " + ", ".join(plots) + "\n")


def percentiles(slots):
    """[(percent, ms)] of [[ns, count]]."""
    total = sum(count for _, count in slots)
    found, seen, at = [], 0, 0
    for percent in PERCENTS:
        while at < len(slots) and seen + slots[at][1] <= total * percent / 100:
            seen += slots[at][1]
            at += 1
        if at < len(slots):
            found.append((percent, slots[at][0] / 1e6))
    return found


def merged(rounds, column):
    counts = {}
    for result in rounds:
        for ns, count in result.get(column, []):
            counts[ns] = counts.get(ns, 0) + count
    return sorted(counts.items())


def curves(path, title, rows, column):
    """Time over percentile, like the plots of HdrHistogram."""
    script = HEAD.format(path=path, title=title)
    plots = []
    for i, row in enumerate(rows):
        points = percentiles(merged(row["rounds"], column))
        if not points:
            continue
        script += f"$d{i} << END\n"
        script += "".join(f"{1 / (1 - p / 100)} {ms}\n" for p, ms in points)
        script += "END\n"
        plots.append(f'$d{i} using 1:2 with linespoints lw 2 pt 7 ps 0.4 '
                     f'title "{row["peer"]}"')
    if not plots:
        return False
    ticks = ", ".join(f'"{p:g}" {1 / (1 - p / 100)}'
                      for p in (0, 50, 90, 99, 99.9, 99.99))
    script += ("set logscale xy\nset grid\n"
               f"set xtics ({ticks})\nset xlabel 'percentile'\n"
               "set ylabel 'ms'\n")
    _run(script + "plot " + ", ".join(plots) + "\n")
    return True


def _file(*words):
    return re.sub(r"[^a-z0-9]+", "-", "-".join(words).lower()) + ".svg"


def draw(folder, document, scenarios):
    """Writes the plots. The names of their files."""
    if shutil.which("gnuplot") is None:
        return []
    made = []
    for scenario in scenarios:
        cases = document["results"].get(scenario.name) or {}
        cases = {c: [r for r in rows if r["rounds"]]
                 for c, rows in cases.items()}
        shown = {c: rows for c, rows in cases.items()
                 if rows and scenario.plotted(c)}
        if scenario.plot and shown:
            column, heading, logarithmic = scenario.plot
            name = _file(scenario.name)
            bars(os.path.join(folder, name), scenario.title, shown, column,
                 heading, logarithmic)
            made.append(name)
        for case, rows in cases.items():
            name = _file(scenario.name, case)
            if scenario.curves and "flood" not in case and curves(
                    os.path.join(folder, name), f"{scenario.title}, {case}",
                    rows, scenario.curves):
                made.append(name)
    return made
