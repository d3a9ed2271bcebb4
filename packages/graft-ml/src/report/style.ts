import { palette, themeCss } from '@graft-ml/core/internal/chart/index';

/** The style sheet of a report: light and dark by the reader's choice, from 360 px to a desk, and on A4. */
export function reportCss(): string {
  return `${themeCss()}
:root{color-scheme:light dark;--raised:#f6f8fa;--line:#d0d7de;--accent:#0a5ea8}
@media screen and (prefers-color-scheme:dark){:root{--raised:#1e2329;--line:#3a424c;--accent:#7db4ff}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:72rem;padding:1.5rem 1rem 4rem;background:var(--chart-paper);color:var(--chart-ink);font:16px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;overflow-wrap:anywhere}
a{color:var(--accent)}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
.skip{position:absolute;left:-99rem}.skip:focus{left:1rem;top:.5rem;background:var(--chart-paper);padding:.25rem .5rem}
h1{font-size:1.7rem;line-height:1.25;margin:.2rem 0 .3rem}
h2{font-size:1.3rem;margin:3rem 0 .6rem;padding-top:.8rem;border-top:1px solid var(--line)}
h3{font-size:1.05rem;margin:1.6rem 0 .4rem}
p{margin:.4rem 0;max-width:48rem}
.quiet,figcaption,caption{color:var(--chart-quiet);font-size:.9rem}
caption{text-align:left;padding-bottom:.4rem;caption-side:top}
nav ul{display:flex;flex-wrap:wrap;gap:.2rem 1.1rem;list-style:none;padding:0;margin:1rem 0}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,9.4rem),1fr));gap:.7rem;margin:1rem 0;padding:0;list-style:none}
.tiles li{background:var(--raised);border:1px solid var(--line);border-radius:.6rem;padding:.7rem .9rem}
.tiles b{display:block;white-space:nowrap;font-size:1.7rem;line-height:1.2;font-weight:650;font-variant-numeric:tabular-nums}
.tiles .first{grid-column:span 2}.tiles .first b{font-size:2.6rem;color:var(--accent)}
.tiles span{display:block}
dl.facts{display:grid;grid-template-columns:minmax(6rem,max-content) 1fr;gap:.15rem 1rem;margin:.6rem 0}
dl.facts dt{color:var(--chart-quiet)}dl.facts dd{margin:0;min-width:0}
pre{background:var(--raised);border:1px solid var(--line);border-radius:.4rem;padding:.5rem .7rem;white-space:pre-wrap;margin:.4rem 0;font-size:.88rem}
code,pre{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
.note{border-left:4px solid var(--chart-s1);background:var(--raised);padding:.4rem .8rem;margin:.5rem 0;max-width:48rem}
ol.advice{padding-left:1.4rem;max-width:48rem}ol.advice li{margin:.8rem 0}ol.advice b{display:block}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,24rem),1fr));gap:1rem}
.charts figure,figure.alone{margin:0}
svg.graft-chart{max-width:100%;height:auto;display:block}
.scroll{overflow-x:auto;max-width:100%}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}
th,td{padding:.25rem .6rem;text-align:right;border-bottom:1px solid var(--line);font-weight:400}
thead th:first-child{text-align:left}thead th{color:var(--chart-quiet);font-size:.9rem;vertical-align:bottom}
th,td{overflow-wrap:normal}th[scope=row]{text-align:left}td{white-space:nowrap}
.beside{display:flex;flex-wrap:wrap;gap:0 4rem}.beside>div{max-width:100%}
table.matrix{border-spacing:2px;border-collapse:separate}
table.matrix th,table.matrix td{border:0;padding:0}
table.matrix thead th.class{writing-mode:vertical-rl;transform:rotate(180deg);text-align:left;padding:.2rem .1rem;white-space:nowrap;max-height:10rem}
table.matrix th[scope=row]{padding-right:.6rem;white-space:nowrap}
table.matrix td{min-width:2.9rem;height:2.5rem;text-align:center;border-radius:.25rem}
table.matrix td.zero{color:var(--chart-quiet)}
table.matrix button{width:100%;height:2.5rem;border:0;border-radius:.25rem;background:none;color:inherit;font:inherit;cursor:pointer;text-decoration:underline dotted;text-underline-offset:.2em}
table.matrix button:hover{outline:2px solid var(--accent)}
.right{background:color-mix(in srgb,var(--chart-s0) calc(var(--share)*50%),var(--chart-paper))}
.wrong{background:color-mix(in srgb,var(--chart-s1) calc(var(--share)*50%),var(--chart-paper))}
.rate{background:color-mix(in srgb,var(--chart-s0) calc(var(--share)*50%),var(--chart-paper))}
td.frozen{color:var(--chart-quiet)}
[popover]{width:min(60rem,96vw);max-height:90vh;overflow:auto;padding:1rem;border:1px solid var(--line);border-radius:.7rem;background:var(--chart-paper);color:inherit}
[popover]::backdrop{background:rgb(0 0 0/.55)}
[popover] h3{margin:0}
.bar{display:flex;justify-content:space-between;align-items:start;gap:1rem;margin-bottom:.6rem}
.bar button,.open{border:1px solid var(--line);background:var(--raised);color:inherit;border-radius:.4rem;padding:.25rem .7rem;font:inherit;cursor:pointer}
.images{display:grid;grid-template-columns:repeat(auto-fill,minmax(7rem,1fr));gap:.8rem;padding:0;margin:.6rem 0;list-style:none}
.images li{font-size:.82rem;line-height:1.35}
.images .quiet{font-size:inherit}
.images svg{width:100%;aspect-ratio:1;display:block;border-radius:.3rem;background:var(--raised)}
.examples{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,21rem),1fr));gap:1rem}
.examples>figure{margin:0;padding:.7rem;border:1px solid var(--line);border-radius:.6rem}
.trio{display:grid;grid-template-columns:repeat(3,1fr);gap:.4rem}
.trio img{width:100%;display:block;border-radius:.3rem}.trio span{font-size:.8rem;line-height:1.3;display:block}
.episode{border:1px solid var(--line);border-radius:.6rem;padding:.5rem .9rem;margin:.8rem 0}
.episode summary{cursor:pointer}.episode .class{display:grid;grid-template-columns:minmax(0,2fr) minmax(0,5fr);gap:0 1.2rem;border-top:1px solid var(--line);padding:.4rem 0}.episode .class:first-of-type{margin-top:.5rem}
.episode h3{grid-column:1/-1;font-size:.85rem;font-weight:600;margin:0}
.episode .images{grid-template-columns:repeat(auto-fill,minmax(4.6rem,1fr));gap:.4rem;margin:.3rem 0;align-content:start}.episode .support{grid-template-columns:repeat(5,minmax(0,3.4rem))}
.episode img{width:100%;height:auto;display:block;border-radius:.3rem;border:3px solid transparent}.episode .hit img{border-color:var(--chart-s0)}.episode .miss img{border-color:var(--chart-s1);border-style:dashed}.episode .was{display:block}
.legend{display:flex;flex-wrap:wrap;gap:.2rem 1.1rem;list-style:none;padding:0;font-size:.9rem}
svg.map{width:100%;max-width:60rem;height:auto;background:var(--raised);border:1px solid var(--line);border-radius:.6rem}
.map g{fill-opacity:.75}.map .miss{stroke:var(--chart-ink);stroke-width:1.5;fill-opacity:1}.map.drawing{touch-action:none;cursor:crosshair}.map.some g:not(.chosen){opacity:.3}.map .chosen{fill-opacity:1}.map .outline{fill:var(--accent);fill-opacity:.15;stroke:var(--accent);stroke-width:1.5;pointer-events:none}.map .zoom{display:none;pointer-events:none}.map g:hover{fill-opacity:1}.map g:hover .zoom{display:block}
${palette.map((_, i) => `.map .s${i},.legend .s${i}{fill:var(--chart-s${i})}`).join('')}
.lasso{margin:.6rem 0}.controls{display:flex;flex-wrap:wrap;gap:.5rem;align-items:center;margin:.5rem 0}
.controls button,.controls select{border:1px solid var(--line);background:var(--raised);color:inherit;border-radius:.4rem;padding:.3rem .7rem;font:inherit;max-width:100%}.controls label{display:flex;gap:.4rem;align-items:center;min-width:0;max-width:100%}.controls select{min-width:0}.controls button{cursor:pointer}.controls button[aria-pressed=true]{border-color:var(--accent);color:var(--accent);font-weight:600}
.lasso .list{max-height:32rem;overflow:auto;padding:.2rem}.lasso .images span{display:block}.lasso .mistaken{font-weight:600}.lasso textarea{width:100%;font:.85rem ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;background:var(--raised);color:inherit;border:1px solid var(--line);border-radius:.4rem;padding:.4rem}
[hidden]{display:none!important}
.defs{position:absolute;width:0;height:0;overflow:hidden}
table.runs th[scope=row]{white-space:nowrap}
.strong{font-weight:650}.fit.overfitting::before{content:'▲ '}.fit.underfitting::before{content:'■ '}
thead th button{all:unset;cursor:pointer;color:inherit}thead th button:focus-visible{outline:3px solid var(--accent);outline-offset:2px}th[aria-sort=descending] button::after{content:' ↓'}th[aria-sort=ascending] button::after{content:' ↑'}
.halo{paint-order:stroke;stroke:var(--chart-paper);stroke-width:3px;stroke-linejoin:round}.scroll>.alone svg{min-width:34rem}.scroll>.parallel svg{min-width:44rem}
[data-key]{cursor:default}.out{opacity:.08}.some svg [data-key]:not(.on){opacity:.15}svg .on{stroke-opacity:1}svg g.on>path{stroke-opacity:1}svg g.on>path[stroke-width='9']{stroke-opacity:.25}tr.on>*{background:var(--raised)}
.grip{fill:transparent;cursor:ns-resize;touch-action:pan-x}.brush{fill:var(--accent);fill-opacity:.3;pointer-events:none}
#filter .fields{display:flex;flex-wrap:wrap;gap:.4rem 1rem}#filter label{display:flex;gap:.4rem;align-items:center;max-width:100%}#filter select,#filter button{border:1px solid var(--line);background:var(--raised);color:inherit;border-radius:.4rem;padding:.2rem .5rem;font:inherit;min-width:0;max-width:14rem}#filter output{margin-left:.6rem}
td.fit,#runs thead th:nth-child(4){text-align:left}td.share{width:14rem;min-width:6rem}td.share span{display:block;height:.8rem;border-radius:.2rem;background:var(--chart-s0)}
@media (max-width:30rem){table.runs th[scope=row]{white-space:normal;min-width:6rem}}
@media print{th[scope=row]{overflow-wrap:anywhere}table.runs,table.runs th,table.runs td{font-size:7pt}table.runs th,table.runs th[scope=row],table.runs td{padding:.15rem .2rem;white-space:normal;line-height:1.25}table.runs th[scope=row]{min-width:3.4rem}table.runs code{font-size:6.5pt}}
footer{margin-top:3rem;padding-top:.8rem;border-top:1px solid var(--line)}
@media (max-width:40rem){.episode .class{grid-template-columns:1fr}}
@media (max-width:30rem){th,td{padding:.25rem .35rem}table.matrix td{min-width:2.3rem}table.matrix th[scope=row]{padding-right:.3rem}.images{grid-template-columns:repeat(3,1fr);gap:.6rem}.episode .images{grid-template-columns:repeat(4,1fr)}.episode .support{grid-template-columns:repeat(5,minmax(0,3rem))}}
@media print{@page{size:A4;margin:14mm}:root{color-scheme:light}
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}
body{max-width:none;padding:0;font-size:10.5pt}p{max-width:none;break-inside:avoid}
nav,.skip,[popover],.open,.lasso,#filter,.onscreen,details:not([open]){display:none}
h2,h3,h3+p,h2+p,caption,.legend{break-after:avoid}h2{margin-top:1.4rem}
figure,tr,pre,.note,.tiles li,ol.advice li,.images li,svg.map,table.matrix,table:not(:has(tr:nth-child(13))),.examples>figure{break-inside:avoid}
.scroll,.lasso .list{overflow:visible}table,table .quiet{font-size:9pt}table.matrix button{text-decoration:none}table.matrix td,table.matrix button{height:1.8rem}
.tiles{grid-template-columns:repeat(3,1fr)}.tiles .first{grid-column:auto}.tiles .first b,.tiles b{font-size:1.5rem}
.episode .images{grid-template-columns:repeat(6,1fr)}.episode .support{grid-template-columns:repeat(5,minmax(0,3rem))}.episode .class{break-inside:avoid}
.beside{display:block}.charts{grid-template-columns:1fr 1fr}.images{grid-template-columns:repeat(6,1fr)}.examples{grid-template-columns:1fr 1fr}
svg.map{max-width:15cm}.scroll>.alone svg{min-width:0}}
`;
}
