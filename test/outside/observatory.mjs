// Scores the running shop as Mozilla's HTTP Observatory does, offline, and evaluates
// its content security policy with Google's evaluator. Exit 1 below A+ or with a finding.
//
//   node observatory.mjs NODE_MODULES READY_FILE
import { readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { join } from "node:path";

const [modules, readyFile] = process.argv.slice(2);
const ready = JSON.parse(readFileSync(readyFile));
const at = (...p) => pathToFileURL(join(modules, ...p)).href;
const mdn = join(modules, "@mdn/mdn-http-observatory");
writeFileSync(join(mdn, "conf/hsts-preload.json"), "{}");
const { retrieve } = await import(at("@mdn/mdn-http-observatory/src/retriever/retriever.js"));
const { ALL_TESTS } = await import(at("@mdn/mdn-http-observatory/src/constants.js"));
const { getScoreModifier, getGradeForScore } = await import(at("@mdn/mdn-http-observatory/src/grader/grader.js"));
const { MINIMUM_SCORE_FOR_EXTRA_CREDIT } = await import(at("@mdn/mdn-http-observatory/src/grader/charts.js"));

const shop = new URL(ready.shop), plain = new URL(ready.http);
let bad = 0;
for (const path of ["/", "/products/lykta-fyr", "/checkout", "/admin/login", "/finns-inte"]) {
  const seen = await retrieve(shop.hostname, { httpPort: Number(plain.port), httpsPort: Number(shop.port), path });
  const results = ALL_TESTS.map((t) => t(seen));
  let less = 0, more = 0;
  for (const r of results) {
    const m = getScoreModifier(r.result);
    if (m < 0) { less += m; console.log(`  ${path}: ${r.result} ${m}`); } else more += m;
  }
  let score = 100 + less;
  if (score >= MINIMUM_SCORE_FOR_EXTRA_CREDIT) score += more;
  const { grade } = getGradeForScore(score);
  console.log(`observatory ${path}: ${grade} (${score})`);
  if (grade !== "A+") bad++;
}
const { CspEvaluator } = await import(at("csp_evaluator/dist/evaluator.js"));
const { CspParser } = await import(at("csp_evaluator/dist/parser.js"));
const res = await fetch(ready.shop + "/");
const found = new CspEvaluator(new CspParser(res.headers.get("content-security-policy")).csp).evaluate();
for (const f of found) console.log(`  csp: ${f.severity} ${f.directive} ${f.description}`);
if (found.some((f) => f.severity <= 30)) bad++; // high, syntax and medium; what is above are remarks
console.log(`csp: ${found.length} remarks`);
process.exit(bad ? 1 : 0);
