# The report of a recipe: one page that holds everything, and a browser's view of it.
. "$SOURCE/tests/cli/lib.sh"
use_fake_runner
small_recipe small.yaml
cat >>small.yaml <<'END2'
about: "<script>alert(1)</script> & more"
figure: [{name: shots, x: shots, y: accuracy, panel: dataset}]
END2

# Before anything ran there is a page too; what cannot be drawn says why.
expect_status 1 "$promptgrid" report small.yaml
same out <<'END2'
SCRATCH/w/small.html
END2
grep -q '0 of 10 runs done, 10 to do' w/small.html || fail "no count of runs"
grep -q 'not drawn: none of its runs is done' w/small.html || fail "no reason for the figure"

export FAKE_MODE='fail:"seed": 2'
expect_status 1 "$promptgrid" run small.yaml
unset FAKE_MODE
status=0
command -v gnuplot >/dev/null || status=1
expect_status $status "$promptgrid" report -o page.html small.yaml
grep -q '8 of 10 runs done, 2 failed' page.html || fail "no count of failures"
grep -q '<td>loss is not finite in epoch 3</td>' page.html || fail "no reason of a failure"
grep -q '&lt;script&gt;alert(1)&lt;/script&gt; &amp; more' page.html || fail "a name is not escaped"
grep -q "script-src 'sha256-[A-Za-z0-9+/]*='" page.html || fail "the script is not allowed by its hash"
grep -q 'http-equiv="refresh"' page.html && fail "a page that stays must not load itself again"
sed 's#https*://[^ <"]*##g' page.html | grep -n 'src="\|url(h\|<link\|@import' &&
    fail "the page needs something from elsewhere"
for id in tables figures failures provenance again; do
    grep -q "id=\"$id\"" page.html || fail "part '$id' is missing"
done
cp page.html first.html
expect_status $status "$promptgrid" report -o page.html small.yaml
cmp page.html first.html || fail "the same store gave another page"

# Without gnuplot the page says so and has everything else.
mkdir -p empty
expect_status 1 /usr/bin/env PATH="$scratch/empty" "$promptgrid" report -o bare.html small.yaml
grep -q 'not drawn: gnuplot is not installed' bare.html || fail "no word about gnuplot"
grep -q '<section class="table"' bare.html || fail "no table without gnuplot"

# While runs are to come, --watch writes a page that loads itself again; done, one that stays.
"$promptgrid" run small.yaml 2>/dev/null
expect_status $status "$promptgrid" report --watch -o page.html small.yaml
grep -q '10 of 10 runs done' page.html || fail "not the final state"
grep -q 'http-equiv="refresh"' page.html && fail "a finished page must not load itself again"

for program in chromium chromedriver curl; do
    command -v $program >/dev/null || {
        echo "skipped: the browser's part ($program is not installed)"
        pass
    }
done

# ---- in a browser, through WebDriver ----

mkdir -p home
HOME=$scratch/home chromedriver --port=0 >driver.log 2>&1 &
driver=$!
stop_driver() {
    [ -n "${session:-}" ] && curl -s -X DELETE "$url/session/$session" >/dev/null 2>&1
    kill $driver 2>/dev/null
    wait $driver 2>/dev/null
    driver=
}
trap 'stop_driver; at_exit' EXIT
wait_for 20 grep -q 'successfully on port' driver.log || fail "chromedriver does not start"
url=http://127.0.0.1:$(sed -n 's/.*successfully on port \([0-9]*\).*/\1/p' driver.log | head -1)

# ask PATH JSON: POST, the answer's value on stdout
ask() {
    curl -s -m 60 -H 'Content-Type: application/json' -d "$2" "$url/$1" | sed 's/^{"value"://; s/}$//'
}
session=
answer=$(ask session '{"capabilities":{"alwaysMatch":{"goog:loggingPrefs":{"browser":"ALL"},"goog:chromeOptions":{"args":["--headless=new","--no-sandbox","--disable-gpu","--disable-dev-shm-usage"]}}}}')
session=$(printf '%s' "$answer" | sed -n 's/.*"sessionId":"\([0-9a-f]*\)".*/\1/p')
[ -n "$session" ] || fail "no browser session: $answer"
ask "session/$session/url" "{\"url\":\"file://$scratch/page.html\"}" >/dev/null

# js CODE: its result
js() {
    ask "session/$session/execute/sync" "{\"script\":\"$1\",\"args\":[]}"
}
[ "$(js 'return document.title')" = '"small"' ] || fail "not the title: $(js 'return document.title')"
[ "$(js 'return document.querySelectorAll(\"figure svg\").length')" = 1 ] || fail "no picture"

rows='[...document.querySelector(\"section.table tbody\").rows]'
names="return $rows.map(r=>r.cells[0].textContent).join()"
values="const v=$rows.map(r=>+r.cells[1].dataset.value)"
home=$(js "$names")
[ "$home" = '"zero-shot CLIP,CoOp"' ] || fail "not the rows: $home"
click='document.querySelector(\"section.table thead th[data-sort]\").click()'
js "$click" >/dev/null
[ "$(js "$values;return v[0]>=v[1]")" = true ] || fail "the best is not first: $(js "$values;return v")"
js "$click" >/dev/null
[ "$(js "$values;return v[0]<=v[1]")" = true ] || fail "the worst is not first"
js "$click" >/dev/null
[ "$(js "$names")" = "$home" ] || fail "the third click does not bring back the order"

js 'const i=document.querySelector(\"input\");i.value=\"coop\";i.dispatchEvent(new Event(\"input\"))' >/dev/null
[ "$(js "return $rows.map(r=>r.hidden)")" = '[true,false]' ] || fail "the filter does not hide rows"

js 'document.querySelector(\"td[data-runs]\").click()' >/dev/null
js 'return document.querySelector(\".runs\").textContent' | grep -q 'runs of this cell: [0-9a-f]\{12\}' ||
    fail "a cell does not show its runs"

js 'document.querySelector(\"button.latex\").click()' >/dev/null
js 'return document.querySelector(\"pre.latex\").textContent' | grep -q 'toprule' || fail "no LaTeX to copy"
copied() {
    js 'return document.querySelector(\"button.latex\").textContent' | grep -q 'copied\|select'
}
wait_for 5 copied || fail "copying did nothing"

# The console has nothing to say: no error, no breach of the policy.
log=$(ask "session/$session/se/log" '{"type":"browser"}')
[ "$log" = '[]' ] || fail "the browser's console: $log"
stop_driver
pass
