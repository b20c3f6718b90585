#include "plugins/steps/report/page.hpp"

namespace scanflow::report {

std::string_view style_sheet() {
  return R"css(
:root{--bg:#f6f7f9;--card:#fff;--ink:#1c2430;--muted:#647084;--line:#e3e7ed;--soft:#f1f4f8;
--ok:#16803c;--bad:#c42b2b;--run:#2563eb;--cache:#0b7a8c;--idle:#8a94a6;--link:#2457c5;
--c0:#2563eb;--c1:#d9622b;--c2:#16803c;--c3:#a03fb0;--c4:#0b8a9c;--c5:#b8860b;--c6:#d6336c;--c7:#5b6472;
--hit:37,99,235;--miss:214,64,32}
@media (prefers-color-scheme:dark){:root{--bg:#0f141b;--card:#171e27;--ink:#e4e9f0;--muted:#93a0b3;
--line:#2a3441;--soft:#1e2732;--ok:#4cc777;--bad:#ff7b72;--run:#6aa5ff;--cache:#4cc3d5;--idle:#7d899b;
--link:#8ab4ff;--c0:#6aa5ff;--c1:#ff9e64;--c2:#5fd08a;--c3:#d48ae0;--c4:#4cc3d5;--c5:#e0b84c;
--c6:#ff7eb0;--c7:#aab4c3;--hit:92,154,255;--miss:255,110,80}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",sans-serif;-webkit-print-color-adjust:exact;print-color-adjust:exact}
main,header .inner,footer{max-width:1120px;margin:0 auto;padding:0 20px}
header{background:var(--card);border-bottom:1px solid var(--line);border-top:4px solid var(--st);padding:22px 0 16px}
h1{font-size:27px;line-height:1.25;margin:0 0 12px;letter-spacing:-.01em;overflow-wrap:anywhere}
h2{font-size:18px;margin:0 0 14px}
h3{font-size:14.5px;margin:14px 0 8px}h3:first-child{margin-top:0}
h4{font-size:13px;margin:10px 0 4px;color:var(--muted);font-weight:600}
.pill{display:inline-block;font-size:14px;font-weight:600;letter-spacing:0;color:#fff;background:var(--st);border-radius:99px;padding:3px 13px;vertical-align:4px;margin-left:8px}
@media (prefers-color-scheme:dark){.pill{color:#10151c}}
dl{margin:0}header dl{display:flex;flex-wrap:wrap;gap:6px 28px}
dt{font-size:12px;color:var(--muted)}dd{margin:0;overflow-wrap:anywhere}
code,pre{font:12.5px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace}
code.full{color:var(--muted)}
section{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:18px 20px;margin:18px 0}
.muted,footer{color:var(--muted);font-size:13.5px}
.lead{font-size:16.5px;margin:8px 0 0;overflow-wrap:anywhere}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(165px,1fr));gap:12px;margin-bottom:14px}
.tile{background:var(--soft);border-radius:10px;padding:11px 14px;min-width:0}
.tile span,.tile small{display:block;color:var(--muted);font-size:12.5px;overflow-wrap:anywhere}
.tile b{display:block;font-size:21px;line-height:1.3;overflow-wrap:anywhere;font-variant-numeric:tabular-nums}
.scroll{overflow-x:auto}
.st-succeeded{--st:var(--ok)}.st-failed{--st:var(--bad)}.st-running{--st:var(--run)}.st-cached{--st:var(--cache)}
.st-pending,.st-skipped,.st-cancelled{--st:var(--idle)}
#failures{border-color:var(--bad);border-left-width:5px}#failures h2{color:var(--bad)}
.failure+.failure{margin-top:18px}.failure em{font-style:normal;font-size:12.5px;color:#fff;background:var(--bad);border-radius:5px;padding:1px 7px;margin-left:6px}
@media (prefers-color-scheme:dark){.failure em{color:#10151c}}
pre{margin:0;padding:10px 13px;background:var(--soft);border-radius:8px;white-space:pre-wrap;overflow-wrap:anywhere}
.failure>pre:first-of-type{font-size:14px}
svg{display:block;max-width:none}svg text{fill:var(--ink);font:12px system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
.dag{margin:0 auto}.dag a{text-decoration:none}
.dag .node{fill:var(--card);stroke:var(--st);stroke-width:1.5}.dag a:hover .node{stroke-width:2.5}
.dag circle{fill:var(--st)}.dag .glyph{fill:var(--card);font-size:12px;font-weight:700;text-anchor:middle}
.dag .name{font-size:13px;font-weight:600}.dag .detail{font-size:11.5px;fill:var(--muted)}
.dag .edge{fill:none;stroke:var(--idle);stroke-width:1.5}.dag .edge.idle{stroke-dasharray:4 4}
.dag marker path{fill:var(--idle)}
.dag .phase rect{fill:none;stroke:var(--line);stroke-width:1.5;stroke-dasharray:5 4}.dag .phase text{fill:var(--muted)}
.timeline,.plot{width:100%;height:auto}.timeline{min-width:640px}
.axis line{stroke:var(--idle)}.axis .grid{stroke:var(--line)}.axis text{fill:var(--muted);font-size:11px}
.bar{fill:var(--st);fill-opacity:.85}.timeline .took{fill:var(--muted);font-size:11.5px}
.plots:not(.wide){display:grid;grid-template-columns:repeat(auto-fill,minmax(min(440px,100%),1fr));gap:20px 26px}
figure{margin:0;min-width:0}
.plot path{fill:none;stroke:var(--s);stroke-width:2;stroke-linejoin:round}.plot circle{fill:var(--s)}
.plot .dashed path{stroke-dasharray:6 4}.plot .dotted path{stroke-dasharray:2 4}.plot .level{stroke-width:1.5}
.plot g:hover path{stroke-width:3}
.mark line{stroke:var(--muted);stroke-dasharray:3 3}.mark text{fill:var(--muted);font-size:9px}
.plots figcaption{display:flex;flex-wrap:wrap;gap:3px 18px;font-size:13px;padding-left:40px;color:var(--muted)}
.plots figcaption b{color:var(--ink);font-variant-numeric:tabular-nums}
.plots i{display:inline-block;width:16px;height:3px;border-radius:2px;background:var(--s);vertical-align:middle;margin-right:7px}
.plots .d1 i{background:repeating-linear-gradient(90deg,var(--s) 0 5px,transparent 5px 8px)}.plots .d2 i{background:repeating-linear-gradient(90deg,var(--s) 0 2px,transparent 2px 5px)}
.s0{--s:var(--c0)}.s1{--s:var(--c1)}.s2{--s:var(--c2)}.s3{--s:var(--c3)}.s4{--s:var(--c4)}.s5{--s:var(--c5)}.s6{--s:var(--c6)}.s7{--s:var(--c7)}
table{border-collapse:collapse;width:100%;font-size:14px}
th{text-align:left;font-size:12.5px;color:var(--muted);font-weight:600}
th,td{padding:7px 10px;border-bottom:1px solid var(--line);vertical-align:top}
tbody tr:last-child>*{border-bottom:0}tr:target{background:var(--soft)}
td small,.tile small{display:block;color:var(--muted);font-size:12.5px}
td.path,small.path{overflow-wrap:anywhere}
.number{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
.badge{color:var(--st);font-weight:600;white-space:nowrap}.said{overflow-wrap:anywhere;width:48%}
.error{color:var(--bad);white-space:pre-wrap}
details{margin-top:3px}summary{cursor:pointer;color:var(--link);font-size:13px}details pre{margin-top:5px}
.digest{overflow-wrap:anywhere;font-size:12px}
table.confusion{width:auto;margin:0 auto;font-size:13.5px;border-collapse:separate;border-spacing:2px;font-variant-numeric:tabular-nums}
.confusion th,.confusion td{border:0;text-align:center;padding:0 4px;min-width:44px;height:34px;vertical-align:middle;border-radius:5px}
.confusion .corner{font-weight:400}.confusion .share{color:var(--muted);font-size:12.5px;font-weight:400;white-space:nowrap}
.confusion .hit{background:rgba(var(--hit),calc(.1 + .4*var(--h)))}
.confusion .miss{background:rgba(var(--miss),calc(1.9*var(--h)))}
.digits{display:grid;grid-template-columns:repeat(auto-fill,minmax(92px,1fr));gap:14px 10px}
.digits figure{text-align:center}
.digits img{width:84px;height:84px;image-rendering:pixelated;border-radius:8px;background:#000;display:block;margin:0 auto 5px}
.digits figcaption{font-size:12.5px;line-height:1.35}.digits span{color:var(--muted);display:block}.wrong{color:var(--bad)}
.params{display:grid;grid-template-columns:repeat(auto-fill,minmax(190px,1fr));gap:10px 20px}
.next{list-style:none;margin:0;padding:0;display:grid;gap:14px}.next span{display:block;color:var(--muted);font-size:13.5px;margin-top:3px;padding-left:2px}
.command::before{content:"$ ";color:var(--muted);user-select:none}
footer{padding:4px 20px 36px}
@media (max-width:640px){main,header .inner,footer{padding-left:12px;padding-right:12px}section{padding:14px 12px}}
@media print{:root{--bg:#fff}body{font-size:12px}section{break-inside:avoid;margin:10px 0}#steps,#artifacts,#misclassified{break-inside:auto}tr,figure{break-inside:avoid}.scroll{overflow:visible}.dag{width:100%;height:auto}}
)css";
}

}  // namespace scanflow::report
