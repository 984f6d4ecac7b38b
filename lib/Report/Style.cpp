//===- Style.cpp - The page's styles and its one script ---------------------------------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Html.h"

using namespace selfopt;

// The hues of Okabe and Ito (2008): start vermilion, best blue, what it is held against grey; the loops green, pink and
// yellow. Their lightness is such that each has 3:1 against its page, and any two stay apart by a CIE76 difference of
// 11 (21 in the dark) for full protan-, deuter- and tritanopia by Machado, Oliveira and Fernandes (2009). Lines differ
// in their dashes too.
llvm::StringRef report::pageStyle() {
  return R"css(
:root { color-scheme: light dark;
  --page: #ffffff; --raised: #f6f7f9; --ink: #1b1f24; --soft: #57606a; --rule: #d5dae0; --grid: #e8ebef;
  --start: #b83a05; --best: #0a58a8; --against: #4a4d52; --loop1: #06a367; --loop2: #da49ca; --loop3: #b48e13;
  --any: #74889d; --front: #1b1f24; --ins: #dcf5e3; --insink: #0b5a2a; --del: #fde4e1; --delink: #8f1d12; }
@media (prefers-color-scheme: dark) { :root {
  --page: #14171b; --raised: #1d2126; --ink: #e6e9ed; --soft: #a2abb6; --rule: #3a414a; --grid: #282e35;
  --start: #e8662a; --best: #4a9df5; --against: #d5dbe3; --loop1: #17d08a; --loop2: #b35a9a; --loop3: #f3c91d;
  --any: #7489a0; --front: #e6e9ed; --ins: #12351f; --insink: #8fe3ab; --del: #43191a; --delink: #ffb3a8; } }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--page); color: var(--ink); font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto,
  "Noto Sans", "DejaVu Sans", sans-serif; }
main, header, footer { max-width: 1060px; margin: 0 auto; padding: 0 20px; }
header { padding-top: 34px; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 4px; overflow-wrap: anywhere; }
h2 { font-size: 1.25rem; margin: 46px 0 10px; padding-top: 14px; border-top: 1px solid var(--rule); }
h3 { font-size: 1rem; margin: 18px 0 6px; }
p { margin: 8px 0; max-width: 74ch; }
.lead { font-size: 1.12rem; }
.about, figcaption, .note, caption { color: var(--soft); font-size: .88rem; }
code, pre { font-family: ui-monospace, "SF Mono", "DejaVu Sans Mono", Menlo, Consolas, monospace; font-size: .84rem; }
code { overflow-wrap: anywhere; }
a { color: var(--best); } sup { line-height: 0; font-size: .72em; }
nav ul { display: flex; flex-wrap: wrap; gap: 2px 16px; padding: 0; margin: 12px 0 0; list-style: none; font-size: .92rem; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(210px, 1fr)); gap: 12px; margin: 20px 0 8px; padding: 0;
  list-style: none; }
.cards li { background: var(--raised); border-radius: 10px; padding: 12px 16px; }
.cards .what { color: var(--soft); font-size: .86rem; }
.cards .value { font-size: 1.5rem; font-weight: 600; line-height: 1.25; color: var(--best); font-variant-numeric: tabular-nums; }
.cards .beside { font-size: .88rem; font-variant-numeric: tabular-nums; }
.cards .was { color: var(--start); font-weight: 600; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 420px), 1fr)); gap: 10px 28px; align-items: start; }
.pair > * { min-width: 0; } .pair > figure:only-child { max-width: 496px; }
figure { margin: 8px 0; }
.wide { overflow-x: auto; margin: 10px 0; }
table { border-collapse: collapse; font-size: .92rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; padding-bottom: 6px; }
th, td { padding: 5px 14px 5px 0; text-align: right; vertical-align: top; white-space: nowrap; }
th { font-weight: 500; } thead th { color: var(--soft); font-size: .86rem; border-bottom: 1px solid var(--rule); }
th:first-child { text-align: left; } tbody tr + tr { border-top: 1px solid var(--grid); }
tbody th code { white-space: normal; } tbody th { min-width: 11ch; }
#reasons td:nth-child(2), #kinds td:nth-child(2), #reasons th:nth-child(2), #kinds th:nth-child(2) { text-align: left; }
#reasons tbody th { white-space: normal; }
svg { display: block; } svg text { fill: var(--ink); font-family: inherit; }
.chart { width: 100%; height: auto; max-width: 640px; overflow: visible; }
.chart .tick { font-size: 11.5px; fill: var(--soft); } .chart .name { font-size: 12px; fill: var(--soft); }
.forest { width: 150px; height: 18px; margin-top: 3px; } .bar { width: 112px; height: 12px; margin-top: 6px; }
.grid { stroke: var(--grid); fill: none; } .axis { stroke: var(--rule); fill: none; }
.line { fill: none; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
.line.level { stroke-width: 1.4; stroke-dasharray: 5 4; }
.line.against { stroke-dasharray: 7 4; } .line.loop1 { stroke-dasharray: 2 4; } .line.loop2 { stroke-dasharray: 10 3 2 3; }
.line.loop3 { stroke-dasharray: 4 3; } .forest .line { stroke-dasharray: none; }
.forest .axis { stroke: var(--soft); }
.line.front { stroke-width: 1.3; } .line.any { stroke-width: 1; opacity: .5; }
.band { stroke: none; opacity: .15; } .off { stroke-width: 1.4; fill: none; opacity: .75; }
.start { stroke: var(--start); } .best { stroke: var(--best); } .against { stroke: var(--against); } .any { stroke: var(--any); }
.front { stroke: var(--front); } .loop1 { stroke: var(--loop1); } .loop2 { stroke: var(--loop2); } .loop3 { stroke: var(--loop3); }
.dot, .fill { stroke: none; } .dot.any { opacity: .65; }
.dot.start, .fill.start, .band.start { fill: var(--start); } .dot.best, .fill.best, .band.best { fill: var(--best); }
.dot.against, .fill.against, .band.against { fill: var(--against); } .dot.any { fill: var(--any); } .dot.front { fill: var(--front); }
.dot.loop1 { fill: var(--loop1); } .dot.loop2 { fill: var(--loop2); } .dot.loop3 { fill: var(--loop3); }
.dot.start, .dot.best { stroke: var(--page); stroke-width: 1; }
.legend { display: flex; flex-wrap: wrap; gap: 2px 18px; padding: 0; margin: 8px 0; list-style: none; font-size: .9rem; }
.key { display: inline-block; width: 11px; height: 11px; border-radius: 3px; margin-right: 7px; }
.key.start { background: var(--start); } .key.best { background: var(--best); } .key.against { background: var(--against); }
.key.any { background: var(--any); } .key.front { background: var(--front); } .key.loop1 { background: var(--loop1); }
.key.loop2 { background: var(--loop2); } .key.loop3 { background: var(--loop3); }

.drawing { overflow-x: auto; padding: 4px 0 10px; } .graph { max-width: none; margin: 0 auto; }
.graph rect { fill: var(--raised); stroke: var(--rule); } .graph .layer rect { stroke: var(--best); stroke-width: 1.4; }
.was-drawn .layer rect { stroke: var(--start); } .graph .end rect { fill: none; stroke-dasharray: 4 3; }
.graph text { font-size: 12px; } .graph .small { font-size: 11px; fill: var(--soft); }
.edge { fill: none; stroke: var(--soft); stroke-width: 1.3; } .tip-of-edge { fill: var(--soft); }
.genealogy { list-style: none; padding: 0; margin: 8px 0; border-left: 2px solid var(--rule); }
.genealogy > li { padding: 4px 0 4px 14px; } .genealogy .id { color: var(--soft); font-size: .86rem; }
.genealogy .score { font-weight: 600; font-variant-numeric: tabular-nums; } .size { color: var(--soft); font-size: .88rem; }
.up { color: var(--insink); font-variant-numeric: tabular-nums; } .down { color: var(--delink); font-variant-numeric: tabular-nums; }
summary { cursor: pointer; overflow-wrap: anywhere; } details { margin: 2px 0; }
.diff { overflow-x: auto; background: var(--raised); border-radius: 8px; padding: 10px 12px; margin: 6px 0 10px; line-height: 1.45; }
.diff ins, .diff del { text-decoration: none; display: inline-block; min-width: 100%; }
.diff ins { background: var(--ins); color: var(--insink); } .diff del { background: var(--del); color: var(--delink); }
.gap { color: var(--soft); }
button.toggle { font: inherit; font-size: .86rem; color: var(--ink); background: var(--raised); border: 1px solid var(--rule);
  border-radius: 6px; padding: 2px 10px; cursor: pointer; }
button.toggle[hidden] { display: none; }
.footnotes { color: var(--soft); font-size: .88rem; padding-left: 1.4em; } footer { padding-bottom: 48px; }
#bubble { position: fixed; pointer-events: none; background: var(--ink); color: var(--page); font-size: .84rem; line-height: 1.35;
  padding: 5px 9px; border-radius: 6px; max-width: min(340px, 90vw); white-space: pre-line; z-index: 2; display: none; }
:focus-visible { outline: 2px solid var(--best); outline-offset: 2px; }
@media (max-width: 480px) { main, header, footer { padding: 0 14px; } header { padding-top: 20px; } h1 { font-size: 1.4rem; }
  .chart .tick { font-size: 14px; } .chart .name { font-size: 14px; } .dot.any { r: 2.6px; } }
@media print { .toggle { display: none; } h2 { break-after: avoid; } figure { break-inside: avoid; } }
)css";
}

// Free of '<' and '&', so that the page is XML too. Without it all is there, with the browser's own slower tips.
llvm::StringRef report::pageScript() {
  return R"js(
(function () {
  var bubble = document.createElement('div');
  bubble.id = 'bubble';
  document.body.appendChild(bubble);
  document.querySelectorAll('svg title').forEach(function (title) {
    title.parentNode.setAttribute('data-tip', title.textContent);
    title.remove();
  });
  document.addEventListener('pointerover', function (event) {
    var at = event.target.closest ? event.target.closest('[data-tip]') : null;
    bubble.style.display = at ? 'block' : 'none';
    if (!at) return;
    bubble.textContent = at.getAttribute('data-tip');
    var box = at.getBoundingClientRect(), own = bubble.getBoundingClientRect();
    // The middle of a line's box may be far from the line.
    if (at.tagName === 'path') box = new DOMRect(event.clientX, event.clientY, 0, 0);
    var left = Math.max(6, Math.min(window.innerWidth - own.width - 6, box.left + box.width / 2 - own.width / 2));
    var above = box.top - own.height - 8;
    bubble.style.left = left + 'px';
    bubble.style.top = (above > 4 ? above : box.bottom + 8) + 'px';
  });
  document.querySelectorAll('[data-toggle]').forEach(function (button) {
    button.hidden = false;
    button.addEventListener('click', function () {
      var list = document.getElementById(button.getAttribute('data-toggle')).querySelectorAll('details');
      var open = button.textContent === 'open all';
      list.forEach(function (item) { item.open = open; });
      button.textContent = open ? 'close all' : 'open all';
    });
  });
})();
)js";
}
