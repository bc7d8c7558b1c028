"""Helm's own code renders the chart for whoever runs this: a list of values on standard input, JSON out.

A process of its own, because Helm is a shared library in Go, which takes over signals of the process it is
loaded into.
"""

import json
import sys
from collections.abc import Mapping

import helm_python


def main() -> None:
    """Write what each of the values renders to, file by file, or what Helm has against them."""
    _, chart_folder = sys.argv
    wanted = json.load(sys.stdin)
    with helm_python.Chart.load(chart_folder) as chart:
        json.dump([_rendered(chart, values) for values in wanted], sys.stdout)


def _rendered(chart: helm_python.Chart, values: Mapping[str, object]) -> dict[str, object]:
    try:
        files = chart.render(dict(values), name="apollo", namespace="calls")
    except helm_python.HelmError as error:
        return {"refused": str(error)}
    findings = helm_python.lint(sys.argv[1], dict(values), strict=True)["messages"]
    return {"files": files, "findings": [each["error"] for each in findings]}


if __name__ == "__main__":
    main()
