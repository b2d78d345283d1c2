"""Grafana's dashboards as code: one file a dashboard, written to grafana/dashboards.

    python -m dashboards            # or: make dashboards

`board` is what they have in common, `panels` how each kind of panel looks, `look` the colours and
what they mean, `promql` the way counters are read.
"""
