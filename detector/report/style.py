"""How the report looks: on a screen in light and dark, on a phone, on paper."""

from __future__ import annotations

# Colours that differ for the colour-blind, too: Okabe and Ito, Color Universal Design, 2008.
STYLE = """
:root { color-scheme: light dark; --paper: #ffffff; --ink: #1b1f24; --soft: #5b6470; --rule: #d9dee4;
  --wash: #f3f5f7; --good: #00795a; --bad: #c04a00; --accent: #0067a8;
  --c0: #0072b2; --c1: #d55e00; --c2: #009e73; --c3: #b8860b; --c4: #a8588a; --c5: #4a4a4a; }
@media (prefers-color-scheme: dark) { :root { --paper: #14171b; --ink: #e8ebee; --soft: #a2abb6;
  --rule: #363d46; --wash: #1f242a; --good: #2fc79a; --bad: #ff8f4a; --accent: #5ab4ee;
  --c0: #56b4e9; --c1: #ff8f4a; --c2: #2fc79a; --c3: #e6b72e; --c4: #dd93bf; --c5: #c8c8c8; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1080px; padding: 16px; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
  overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 4px; }
h2 { font-size: 1.25rem; margin: 44px 0 8px; padding-top: 10px; border-top: 2px solid var(--rule); }
h3 { font-size: 1rem; margin: 24px 0 6px; }
p { margin: 8px 0; max-width: 75ch; }
.soft, figcaption, .note { color: var(--soft); font-size: 0.9rem; }
nav { margin: 12px 0; display: flex; flex-wrap: wrap; gap: 0 16px; }
nav a { min-width: 44px; padding: 10px 0; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
a { color: var(--accent); }
.warning { border-left: 4px solid var(--bad); padding: 4px 12px; background: var(--wash); }
ol.advice li { margin: 6px 0; max-width: 85ch; }
.state { font-weight: 600; }
summary { cursor: pointer; min-height: 44px; padding: 10px 0; }
.commands dt { color: var(--soft); font-size: 0.9rem; }
.commands dd { margin: 2px 0 10px; }
.commands code { display: block; background: var(--wash); border-radius: 6px; padding: 8px 12px; }
table.told th:last-child, table.told td:last-child { text-align: left; }
table.words th, table.words td { text-align: left; vertical-align: top; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(130px, 1fr)); gap: 10px;
  margin: 14px 0; }
.card { background: var(--wash); border-radius: 8px; padding: 10px 12px; }
.card b { display: block; font-size: 1.6rem; line-height: 1.2; }
.card span { display: block; color: var(--soft); font-size: 0.85rem; }
.scroll { overflow-x: auto; margin: 10px 0; }
table { border-collapse: collapse; font-size: 0.92rem; font-variant-numeric: tabular-nums; }
th, td { padding: 4px 9px; border-bottom: 1px solid var(--rule); text-align: right;
  vertical-align: middle; overflow-wrap: normal; }
thead th { font-weight: 600; white-space: nowrap; }
tbody th { font-weight: 400; }
th:first-child, td:first-child { text-align: left; padding-left: 0; overflow-wrap: break-word;
  hyphens: auto; }
table.wide th:first-child { width: 30%; min-width: 84px; }
table.wide { width: 100%; }
table small { display: block; color: var(--soft); }
td.bar { width: 34%; min-width: 90px; }
.nowrap { white-space: nowrap; }
.good { color: var(--good); } .bad { color: var(--bad); }
.columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(300px, 1fr)); gap: 8px 28px; }
.chart { max-width: 520px; }
.chart svg { width: 100%; height: auto; display: block; }
.chart text { fill: var(--ink); font-size: 12px; }
.chart .label { fill: var(--soft); font-size: 13px; }
.chart .strong { font-weight: 700; }
.halo { paint-order: stroke; stroke: var(--paper); stroke-width: 4px; stroke-linejoin: round; }
.middle { text-anchor: middle; } .end { text-anchor: end; } .start { text-anchor: start; }
.grid { stroke: var(--rule); stroke-width: 1; }
.line { fill: none; stroke-width: 2.2; stroke-linejoin: round; } .dashed { stroke-dasharray: 5 4; }
.legend { display: flex; flex-wrap: wrap; gap: 2px 16px; font-size: 0.85rem; padding-left: 12px; }
.key svg { width: 24px; height: 8px; display: inline-block; margin-right: 6px; vertical-align: middle; }
.spark { width: 60px; height: 20px; vertical-align: middle; }
.spark rect, .interval rect, .cost rect { fill: var(--wash); }
.spark polyline { fill: none; stroke: var(--c0); stroke-width: 1.6; }
.interval, .cost { width: 100%; display: block; overflow: visible; }
.interval .reference { stroke: var(--soft); stroke-width: 1.5; stroke-dasharray: 3 2; }
.interval .whisker { stroke: var(--c0); stroke-width: 3; } .interval circle { fill: var(--c0); }
.interval.bad .whisker { stroke: var(--bad); } .interval.bad circle { fill: var(--bad); }
.interval.good .whisker { stroke: var(--good); } .interval.good circle { fill: var(--good); }
.cost .fill { fill: var(--c1); }
.matrix th { font-weight: 400; } .matrix td { text-align: center; min-width: 30px; padding: 3px 5px; }
.matrix thead th { writing-mode: vertical-rl; transform: rotate(180deg); text-align: left; padding: 6px 3px;
  vertical-align: top; }
.matrix thead th:first-child { writing-mode: horizontal-tb; transform: none; vertical-align: bottom; }
.matrix tbody th { text-align: left; padding-left: 0; }
.matrix .missed { border-left: 3px solid var(--ink); position: sticky; right: 0; background: var(--paper); }
.matrix tr.ghosts td, .matrix tr.ghosts th { border-top: 3px solid var(--ink); }
.pictures { display: grid; grid-template-columns: repeat(auto-fill, minmax(200px, 1fr)); gap: 14px; }
figure { margin: 0; break-inside: avoid; }
figure img { width: 100%; height: 190px; object-fit: contain; background: var(--wash); display: block; }
figcaption b { color: var(--ink); display: block; }
@media (max-width: 520px) { body { padding: 12px; } .pictures { grid-template-columns: 1fr 1fr; gap: 10px; }
  figure img { height: 140px; } table { font-size: 0.86rem; }
  th, td { padding: 4px 5px; } .matrix td { padding: 3px; } td.bar { min-width: 70px; }
  .optional { display: none; } }
@media (max-width: 360px) { .bar { display: none; } }
@media print { :root { color-scheme: light; --paper: #fff; --ink: #000; --soft: #444; --rule: #ccc;
    --wash: #f1f1f1; --good: #00694d; --bad: #a83f00; --c0: #0072b2; --c1: #d55e00; --c2: #009e73;
    --c3: #8a6500; --c4: #96477a; --c5: #333; }
  body { font-size: 10.5pt; max-width: none; padding: 0; print-color-adjust: exact;
    -webkit-print-color-adjust: exact; }
  nav { display: none; } h2, h3 { break-after: avoid; } tr, .chart, .card { break-inside: avoid; }
  .scroll { overflow: visible; } thead { display: table-header-group; }
  .columns { grid-template-columns: 1fr 1fr; } .pictures { grid-template-columns: repeat(3, 1fr); } }
"""
for_series = "".join(
    f".series-{number} {{ stroke: var(--c{number}); }} circle.series-{number} {{ fill: var(--c{number}); }}\n"
    for number in range(6)
)
STYLE += for_series + ".series-grey { stroke: var(--soft); }\n"
