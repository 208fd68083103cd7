"""The style of the HTML report: two themes, print, and no colour that carries a meaning alone. Knows no finding."""

from __future__ import annotations

STYLE = """
:root{color-scheme:light dark;--ink:#1d2430;--soft:#4d586a;--paper:#fbfaf7;--card:#fff;--line:#dcd9d0;--link:#0b4f9c;
--fail:#a3201d;--unknown:#7a4f00;--pass:#1c6b3a;--moot:#565f6c;--fail-bg:#fdefee;--unknown-bg:#fdf5e3;--pass-bg:#eaf5ee;
--moot-bg:#f1f2f4;--ring:#e4e1d8}
@media (prefers-color-scheme:dark){:root{--ink:#e8eaef;--soft:#b3bccb;--paper:#14181f;--card:#1c222c;--line:#343d4b;
--link:#8fc1ff;--fail:#ff9d97;--unknown:#f0c46a;--pass:#7fd6a0;--moot:#b3bccb;--fail-bg:#351d1e;--unknown-bg:#322915;
--pass-bg:#16301f;--moot-bg:#252c37;--ring:#343d4b}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--paper);color:var(--ink);font:1rem/1.55 system-ui,-apple-system,"Segoe UI",sans-serif}
a{color:var(--link);text-underline-offset:.15em}
a:focus-visible,summary:focus-visible{outline:3px solid var(--link);outline-offset:2px;border-radius:2px}
.skip{position:absolute;left:-100vw}.skip:focus{left:1rem;top:1rem;background:var(--card);padding:.5rem 1rem}
header,main,footer{max-width:62rem;margin:0 auto;padding:0 1.25rem}
header{padding-top:2.5rem}
h1{font-size:1.9rem;line-height:1.2;margin:0 0 .25rem;overflow-wrap:anywhere}
h2{font-size:1.3rem;margin:2.75rem 0 1rem;padding-bottom:.4rem;border-bottom:2px solid var(--line)}
h3{font-size:1.05rem;line-height:1.35;margin:0 0 .35rem;overflow-wrap:anywhere}
.meta,.place{color:var(--soft)}.tag+.place{margin-left:.6rem}.meta{margin:0}
.summary{display:flex;flex-wrap:wrap;gap:1.75rem;align-items:center;margin:1.75rem 0;padding:1.5rem;
background:var(--card);border:1px solid var(--line);border-radius:14px}
.ring{width:8.5rem;height:8.5rem;flex:none}
.ring circle{fill:none;stroke-width:11}.ring .all{stroke:var(--ring)}
.ring .part{stroke:var(--pass);stroke-linecap:round}
.ring text{fill:var(--ink);font-weight:700;font-size:34px;text-anchor:middle}
.ring .of{fill:var(--soft);font-weight:400;font-size:13px}
.verdict{flex:1 1 18rem}.verdict p{margin:.25rem 0}.verdict .lead{font-size:1.2rem;font-weight:650}
.counts{display:flex;flex-wrap:wrap;gap:.5rem;padding:0;margin:.75rem 0 0;list-style:none}
.tag{display:inline-block;border-radius:999px;padding:.1rem .7rem;font-size:.85rem;font-weight:650;border:1px solid}
.fail{color:var(--fail);background:var(--fail-bg)}.unknown{color:var(--unknown);background:var(--unknown-bg)}
.pass{color:var(--pass);background:var(--pass-bg)}.not_applicable{color:var(--moot);background:var(--moot-bg)}
table{border-collapse:collapse;width:100%;background:var(--card);border:1px solid var(--line)}
th,td{text-align:left;vertical-align:top;padding:.45rem .7rem;border-top:1px solid var(--line);overflow-wrap:anywhere}
thead th{border-top:0;font-size:.85rem;color:var(--soft)}th[scope=row]{font-weight:600}
thead th{overflow-wrap:normal;white-space:nowrap}
th.number,td.number{text-align:right;font-variant-numeric:tabular-nums}
meter{width:100%;min-width:5rem;height:.8rem}
.finding{background:var(--card);border:1px solid var(--line);border-left:5px solid var(--moot);border-radius:10px;
padding:1rem 1.2rem;margin:0 0 1rem}
.finding.is-fail{border-left-color:var(--fail)}.finding.is-unknown{border-left-color:var(--unknown)}
.finding.is-pass{border-left-color:var(--pass)}
.finding p{margin:.3rem 0}
.finding dl{margin:.6rem 0 0;display:grid;grid-template-columns:max-content 1fr;gap:.3rem 1rem}
.finding dt{font-weight:650}.finding dd{margin:0;overflow-wrap:anywhere}
.finding ul{margin:0;padding:0;list-style:none}
code,.seen{font:.875em/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;overflow-wrap:anywhere}
details{background:var(--card);border:1px solid var(--line);border-radius:10px;margin:0 0 .6rem}
summary{cursor:pointer;padding:.6rem 1rem;font-weight:600}
details>:not(summary){margin:0 1rem 1rem}
footer{color:var(--soft);padding-top:2.5rem;padding-bottom:3rem;font-size:.9rem}
@media (max-width:40rem){.finding dl{grid-template-columns:1fr;gap:.1rem}.finding dd{margin-bottom:.5rem}}
@media print{:root{color-scheme:light;--ink:#000;--soft:#333;--paper:#fff;--card:#fff;--line:#999;--link:#000;
--fail:#7d0f0d;--unknown:#5c3b00;--pass:#0e4d27;--moot:#333;--fail-bg:#fff;--unknown-bg:#fff;--pass-bg:#fff;
--moot-bg:#fff;--ring:#ddd}
body{font-size:10.5pt}.finding,tr,.summary{break-inside:avoid}h2,h3{break-after:avoid}.skip{display:none}
details::details-content{content-visibility:visible;display:block;block-size:auto}
header,main,footer{max-width:none;padding-left:0;padding-right:0}
a[rel]::after{content:" (" attr(href) ")";font-size:.85em}}
"""
