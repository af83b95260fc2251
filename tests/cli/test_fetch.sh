# Fetching weights from a local server with every fault: nothing wrong ever gets the final name.
. "$SOURCE/tests/cli/lib.sh"
python=/usr/bin/python3
[ -x $python ] || exit 77
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY CURL_CA_BUNDLE SSL_CERT_FILE
file=$SOURCE/recipes/pocket/model.safetensors
hash=$(sha256sum "$file" | cut -d' ' -f1)
size=$(wc -c <"$file")
final=w/backbones/mine/model.safetensors
part=w/downloads/$hash.part

# certificate NAME HOST DAYS: signed by our own authority
certificate() {
    openssl req -newkey rsa:2048 -nodes -keyout "$1.key" -subj "/CN=$2" -out "$1.csr" 2>/dev/null &&
        printf 'subjectAltName=DNS:%s\n' "$2" >"$1.ext" &&
        openssl x509 -req -in "$1.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -days "$3" \
            -extfile "$1.ext" -out "$1.pem" 2>/dev/null
}
tls=no certificates=''
if command -v openssl >/dev/null; then
    openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 \
        -subj /CN=test 2>/dev/null && certificate good localhost 2 &&
        certificate expired localhost -1 && certificate other other.example 2 && tls=yes
    certificates="good.pem good.key expired.pem expired.key other.pem other.key"
fi
[ $tls = yes ] || certificates=''
# shellcheck disable=SC2086
$python "$SOURCE/tests/fake/web.py" "$file" ports $certificates &
server=$!
trap 'kill $server 2>/dev/null; at_exit' EXIT
wait_for 20 test -s ports || fail "the server does not start"
read -r http https expired other <ports

# fetch WHAT...: of http
fetch() {
    what=$1
    shift
    "$promptgrid" weights fetch --from "http://localhost:$http/$what/f" --sha256 "$hash" --as mine "$@"
}
# nothing_there: neither weights nor a download under its final name
nothing_there() {
    [ -e w/backbones ] && fail "$1: something was imported"
    [ -e "w/downloads/$hash" ] && fail "$1: the download has its final name"
}
kept() {
    [ "$(wc -c <"$part")" -eq "$1" ] || fail "$2: the part has $(wc -c <"$part") bytes, expected $1"
}

# ---- faults ----
expect_status 3 fetch html
nothing_there html
grep -q "is not the file that was published: [0-9]* bytes with SHA-256 [0-9a-f]*, expected $hash; it is a web page; it was removed$" err ||
    fail "html: $(cat err)"
[ -e "$part" ] && fail "html: the part must be removed"
expect_status 3 fetch nowhere
grep -q "The requested URL returned error: 404" err || fail "404: $(cat err)"
kept 0 404
expect_status 2 fetch endless --limit 1
grep -q "has more than the 1048576 bytes allowed$" err || fail "endless: $(cat err)"
[ -e "$part" ] && fail "endless: the part must be removed"
expect_status 3 fetch drip --patience 2
grep -q "comes too slowly" err || fail "drip: $(cat err)"
rm -f "$part"
expect_status 3 fetch to-file
grep -q "is not followed: Protocol .file. " err || fail "to-file: $(cat err)"
expect_status 3 fetch loop
nothing_there faults
expect_status 2 "$promptgrid" weights fetch --from file:///etc/passwd --sha256 "$hash" --as mine
expect_status 2 "$promptgrid" weights fetch vit-b61
same err <<'END2'
promptgrid: error: 'vit-b61' is not among the published weights, did you mean 'vit-b16'?
END2
expect_status 3 "$promptgrid" weights fetch vit-b16 --from "http://localhost:$http/ok/f"
grep -q "SHA-256 $hash, expected 5806e77cd80f8b59890b7e101eabd078d9fb84e6937f9e85e4ecb61988df416f" err ||
    fail "a mirror's other file must be refused"
expect_status 3 "$promptgrid" weights fetch bpe --offline
same err <<'END2'
promptgrid: error: --offline: get 'https://raw.githubusercontent.com/openai/CLIP/main/clip/bpe_simple_vocab_16e6.txt.gz' (SHA-256 RUN) by other means and use 'promptgrid weights import FILE'
END2

# ---- two at once ----
"$promptgrid" weights fetch --from "http://localhost:$http/drip/f" --sha256 "$hash" --as mine \
    >/dev/null 2>&1 &
first=$!
wait_for 10 test -s "$part" || fail "the first fetch does not start"
expect_status 3 fetch ok
grep -q "another process is fetching" err || fail "two at once: $(cat err)"
kill $first
wait $first 2>/dev/null
rm -f "$part"

# ---- cut, then gone on from ----
expect_status 3 fetch cut
grep -q "$((size / 2)) bytes are kept and the same command goes on from there$" err ||
    fail "cut: $(cat err)"
nothing_there cut
kept $((size / 2)) cut
expect_status 0 fetch ok
same out <<'END2'
SCRATCH/w/backbones/mine/model.safetensors
END2
expect_status 0 $python -c "import urllib.request as u; print(u.urlopen('http://localhost:$http/log').read().decode())"
grep -q "^/ok/f bytes=$((size / 2))-$" out || fail "the second fetch must ask for the rest only"
grep -q "^source_sha256: $hash$" <<END2 || fail "not the file"
$("$promptgrid" weights show mine 2>/dev/null || { cp "$SOURCE/recipes/pocket/bpe_pocket.txt" w/backbones/mine/ && "$promptgrid" weights show mine; })
END2
[ -e "w/downloads/$hash" ] && fail "the download must be removed when it is imported"
expect_status 0 fetch nowhere # it is there: nothing is asked for

# ---- a part of another file; a server without ranges; another source ----
rm -rf w/backbones
head -c 1000 /dev/zero >"$part"
expect_status 0 fetch ok
[ -e $final ] || fail "a wrong part must be fetched anew"
rm -rf w/backbones
head -c 1000 "$file" >"$part"
expect_status 0 fetch norange
[ -e $final ] || fail "without ranges all is fetched anew"
rm -rf w/backbones
cp "$file" "$part"
expect_status 0 fetch ok
[ -e $final ] || fail "a whole part must be taken"
rm -rf w/backbones
head -c 1000 "$file" >"$part"
expect_status 3 fetch changed
nothing_there changed
expect_status 0 fetch html --from "http://localhost:$http/to-ok/f"
[ -e $final ] || fail "the second source must be tried"
rm -rf w/backbones

# ---- TLS ----
if [ $tls = yes ]; then
    secure() {
        "$promptgrid" weights fetch --from "https://localhost:$1/$2/f" --sha256 "$hash" --as mine
    }
    expect_status 3 secure "$https" ok
    grep -q "no trusted connection for 'https://localhost:" err || fail "unknown authority: $(cat err)"
    export CURL_CA_BUNDLE="$scratch/ca.pem"
    expect_status 3 secure "$expired" ok
    grep -q "certificate has expired" err || fail "expired: $(cat err)"
    expect_status 3 secure "$other" ok
    grep -q "no trusted connection" err || fail "wrong host: $(cat err)"
    for to in to-http to-file; do
        expect_status 3 secure "$https" $to
        grep -q "leads to an address that is not https, which is not followed" err ||
            fail "$to: $(cat err)"
    done
    nothing_there TLS
    expect_status 0 secure "$https" to-ok
    [ -e $final ] || fail "https must work"
else
    echo "no openssl: TLS was not tried"
fi
pass
