# Datasets from web servers: nginx, with every fault that it can be made to have; what no server of
# the ordinary kind does is in test_fetch.sh. Nothing wrong ever gets a final name.
. "$SOURCE/tests/cli/lib.sh"
PATH=$PATH:/usr/sbin:/sbin
command -v nginx >/dev/null || {
    echo "no nginx: fetching datasets was not tried"
    exit 77
}
python=/usr/bin/python3
[ -x $python ] || exit 77
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY no_proxy NO_PROXY CURL_CA_BUNDLE SSL_CERT_FILE

# ---- what there is to fetch: a small dataset of our own ----
pictures=$SOURCE/recipes/pocket/data/pocket-land/images
mkdir -p made/leaves/images srv/files srv/changed logs
for class in beach forest lake; do
    mkdir "made/leaves/images/$class"
    cp "$pictures/$class"/image_000?.jpg "$pictures/$class/image_0010.jpg" "made/leaves/images/$class/"
done
"$promptgrid" data new leaves --from made/leaves/images --template 'a {}.' --data made 2>/dev/null >/dev/null ||
    fail "the dataset"
split=split_leaves_seed1.json
mv made/leaves/$split srv/files/
tar -C made -czf srv/files/leaves.tar.gz leaves/images
head -c 200000 /dev/zero | tr '\0' x >srv/files/padding # so that there is a middle to stop in
tar -C made -cf srv/files/leaves.tar leaves/images -C ../srv/files padding
tr a-z b-za <srv/files/leaves.tar.gz >srv/changed/leaves.tar.gz
cp srv/files/$split srv/changed/
archive=leaves.tar.gz
hash_of() {
    sha256sum "$1" | cut -d' ' -f1
}

# ---- the servers ----
certificate() { # NAME HOST DAYS: signed by our own authority
    openssl req -newkey rsa:2048 -nodes -keyout "$1.key" -subj "/CN=$2" -out "$1.csr" 2>/dev/null &&
        printf 'subjectAltName=DNS:%s\n' "$2" >"$1.ext" &&
        openssl x509 -req -in "$1.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -days "$3" \
            -extfile "$1.ext" -out "$1.pem" 2>/dev/null
}
tls=no
if command -v openssl >/dev/null; then
    openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 \
        -subj /CN=test 2>/dev/null && certificate good localhost 2 &&
        certificate expired localhost -1 && certificate other other.example 2 && tls=yes
fi
secure() { # PORT NAME
    [ $tls = yes ] || return 0
    cat <<END
    server {
        listen 127.0.0.1:$1 ssl;
        ssl_certificate $scratch/$2.pem;
        ssl_certificate_key $scratch/$2.key;
        location /files/ { root srv; }
        location /to-http/ { return 302 http://localhost:$port/files/\$uri; }
        location /to-file/ { return 302 file:///etc/passwd; }
        location /to-files/ { rewrite ^/to-files/(.*) /files/\$1 redirect; }
    }
END
}
configure() { # FIRST PORT
    port=$1 https=$(($1 + 1)) expired=$(($1 + 2)) other=$(($1 + 3)) proxy=$(($1 + 4))
    cat >nginx.conf <<END
daemon off;
worker_processes 1;
error_log logs/error.log;
pid logs/pid;
events { worker_connections 64; }
http {
    access_log logs/access.log;
    log_format line '\$request_method \$request_uri \$status';
    access_log logs/lines line;
    client_body_temp_path logs; proxy_temp_path logs; fastcgi_temp_path logs;
    uwsgi_temp_path logs; scgi_temp_path logs;
    default_type application/octet-stream;
    server {
        listen 127.0.0.1:$port;
        location /files/ { root srv; }
        location /changed/ { root srv; }
        location /crawl/ { alias srv/files/; limit_rate 200; }
        location /walk/ { alias srv/files/; limit_rate 60k; }
        location /norange/ { alias srv/files/; max_ranges 0; }
        location /sign-in/ { default_type text/html; return 200 "<!DOCTYPE html><html><title>Sign in</title></html>"; }
        location /to-file/ { return 302 file:///etc/passwd; }
        location /to-https/ { return 302 https://localhost:$https/files/; }
        location /loop/ { return 302 \$request_uri; }
        location ~ ^/drive/(.*)\$ {
            default_type text/html;
            return 200 '<html><form id="download-form" action="http://localhost:$port/confirmed/\$1" method="get"><input type="hidden" name="id" value="1&amp;2"><input type="hidden" name="confirm" value="t"></form></html>';
        }
        location /confirmed/ {
            if (\$arg_confirm != t) { return 403; }
            alias srv/files/;
        }
        location /quota/ { default_type text/html; return 200 "<html><title>Google Drive - Quota exceeded</title></html>"; }
    }
    server {
        listen 127.0.0.1:$proxy;
        access_log logs/proxy line;
        location /files/ { root srv; }
    }
$(secure "$https" good)
$(secure "$expired" expired)
$(secure "$other" other)
}
END
    [ "$(id -u)" = 0 ] && sed -i '1i user root;' nginx.conf
    return 0
}
for _ in 1 2 3 4 5 6 7 8; do
    configure "$(shuf -i 20000-32000 -n 1)"
    nginx -p "$scratch" -c nginx.conf 2>logs/start &
    server=$!
    wait_for 3 test -s logs/pid && break
    kill $server 2>/dev/null
    wait $server 2>/dev/null
    server=''
done
[ -n "$server" ] || fail "nginx does not start: $(cat logs/start)"
trap 'kill $server 2>/dev/null; wait $server 2>/dev/null; at_exit' EXIT
http=http://localhost:$port

# ---- a root whose description says where its files are ----
# from URL [FILE]: of the archive; the split's is always good
from() {
    rm -rf root
    mkdir -p root/leaves
    archive=${2:-leaves.tar.gz}
    sed '$d' made/leaves/promptgrid-dataset.json | sed '$s/}$/},/' >root/leaves/promptgrid-dataset.json
    cat >>root/leaves/promptgrid-dataset.json <<END
  "terms": "ours", "homepage": "https://leaves.example",
  "sources": [
    {"file": "$archive", "gives": "images", "from": "leaves", "urls": ["$1/$archive"],
     "sha256": "$(hash_of "srv/files/$archive")"},
    {"file": "$split", "gives": "$split", "urls": ["$http/files/$split"],
     "sha256": "$(hash_of srv/files/$split)"}]
}
END
    part=root/leaves/downloads/$archive.part
    : >logs/lines
}
# shellcheck disable=SC2120 # expect_status passes them on
fetch() {
    "$promptgrid" data fetch leaves --data root "$@"
}
nothing_there() {
    [ -e root/leaves/images ] && fail "$1: images have their final name"
    [ -e "root/leaves/downloads/$archive" ] && fail "$1: the download has its final name"
    [ -e root/leaves/manifest.sha256 ] && fail "$1: a manifest was written"
    [ -n "$(find root/leaves -name '.unpack*')" ] && fail "$1: something half unpacked"
    return 0
}
whole() {
    [ -e "root/leaves/downloads" ] && fail "$1: downloads must be removed: $(ls root/leaves/downloads)"
    expect_status 0 "$promptgrid" data check leaves --data root --deep
    grep -q '^manifest: holds$' out || fail "$1: $(cat out)"
}
answers() { # how often the archive was answered so
    grep -c "$archive.* $1$" logs/lines
}

from "$http/files"
expect_status 0 fetch
same out <<'END'
root/leaves
END
sed "s/:$port/:PORT/" err >some
same some <<'END'
promptgrid: 'leaves' is there on these terms: ours (https://leaves.example)
promptgrid: fetching 'http://localhost:PORT/files/leaves.tar.gz'
promptgrid: unpacking 'root/leaves/downloads/leaves.tar.gz'
promptgrid: fetching 'http://localhost:PORT/files/split_leaves_seed1.json'
promptgrid: looking at every image, once, for the manifest
END
whole ok
: >logs/lines
expect_status 0 fetch # all there: nothing is asked for
[ -s logs/lines ] && fail "nothing had to be asked for"
rm root/leaves/$split
expect_status 0 fetch
grep -q "$archive" logs/lines && fail "only what is missing is asked for"

# ---- one fault after the other: STATUS, words of the error, address ----
while IFS='|' read -r status words url; do
    from "$http/$url"
    expect_status "$status" fetch --patience 2
    grep -q "$words" err || fail "$url: $(cat err)"
    nothing_there "$url"
    # the other file is not kept from coming
    [ -e root/leaves/$split ] || fail "$url: the split"
    sed -i "s#$http/$url#$http/files#" root/leaves/promptgrid-dataset.json
    expect_status 0 fetch
    whole "$url, then mended"
done <<'END'
3|^promptgrid: error: .* is not the file that was published: [0-9]* bytes with SHA-256 [0-9a-f]*, expected [0-9a-f]*; it is a web page, 'Sign in'; it was removed$|sign-in
3|it is a web page, 'Google Drive - Quota exceeded'; it was removed$|quota
3|^promptgrid: error: .* is not the file that was published: [0-9]* bytes with SHA-256 [0-9a-f]*, expected [0-9a-f]*; it was removed$|changed
3|The requested URL returned error: 404|nowhere
3|comes too slowly: .*; [0-9]* bytes are kept and the same command goes on from there$|crawl
3|leads to an address that is not http or https, which is not followed|to-file
3|unable to fetch .*redirects|loop
END

# ---- what servers may do ----
for what in norange drive confirmed; do
    from "$http/$what"
    [ $what = confirmed ] && {
        expect_status 3 fetch
        grep -q 'returned error: 403' err || fail "without the page's answer: $(cat err)"
        continue
    }
    expect_status 0 fetch
    whole $what
done
grep -q '/confirmed/' logs/lines || fail "the page's form"
from "$http/sign-in"
expect_status 0 fetch --mirror "$http/nowhere" --mirror "$http/files"
grep -q 'warning: unable to fetch' err || fail "what a mirror failed for: $(cat err)"
whole mirrors

# ---- killed, then gone on from ----
from "$http/walk" leaves.tar
"$promptgrid" data fetch leaves --data root >/dev/null 2>&1 &
client=$!
wait_for 20 test -s "$part" || fail "the fetch does not start"
expect_status 3 fetch
grep -q "^promptgrid: error: another process is fetching 'root/leaves'$" err || fail "two at once: $(cat err)"
kill -9 $client
wait $client 2>/dev/null
nothing_there killed
[ "$(wc -l <"$part.from")" -eq 2 ] || fail "the version of the part"
had=$(wc -c <"$part")
[ "$had" -gt 1000 ] && [ "$had" -lt "$(wc -c <srv/files/leaves.tar)" ] || fail "not in the middle: $had"
expect_status 0 fetch
whole "gone on from"
[ "$(answers 206)" = 1 ] || fail "only the rest: $(cat logs/lines)"
# the same, but another file is there by now
from "$http/files"
mkdir root/leaves/downloads
head -c 5000 srv/changed/leaves.tar.gz >"$part"
printf '%s\n"an-old-version"\n' "$http/files/leaves.tar.gz" >"$part.from"
expect_status 0 fetch
whole "a changed file"
[ "$(answers 206)" = 0 ] || fail "a changed file must come whole: $(cat logs/lines)"
from "$http/files" # of a server without versions: the hash says it, and all comes again
mkdir root/leaves/downloads
head -c 5000 srv/changed/leaves.tar.gz >"$part"
expect_status 0 fetch
whole "a part of something else"

# ---- killed, and the disk full, at every call in turn ----
tree() {
    (cd "$1" && find . -type f ! -name '*.part*' -exec sha256sum {} + | sort -k2)
}
from "$http/files"
expect_status 0 fetch
tree root/leaves >golden
for call in open write fsync rename; do
    n=0
    [ $call = write ] && also=ENOSPC || also=''
    while n=$((n + 1)); do
        for what in kill $also; do
            from "$http/files"
            PROMPTGRID_FAULT="promptgrid/$call:$n:$what" "$promptgrid" data fetch leaves --data root >out 2>err
            got=$?
            [ $got -ge 70 ] && [ $got -ne 137 ] && fail "$call $n $what: status $got: $(cat err)"
            if [ -e root/leaves/images ]; then
                diff -r root/leaves/images made/leaves/images >/dev/null || fail "$call $n $what: part of the images"
            fi
            if [ -e root/leaves/manifest.sha256 ]; then
                grep -v "downloads" golden | cmp -s - golden && tree root/leaves | diff - golden >/dev/null ||
                    fail "$call $n $what: a manifest of something else"
            fi
            fired=$(grep -c '^fault: ' err)
            expect_status 0 fetch
            tree root/leaves | diff golden - || fail "$call $n $what: not what it is without a fault"
        done
        [ "$fired" = 0 ] && break
    done
    [ $n -gt 2 ] || fail "no $call was counted"
done

# ---- by hand ----
from "$http/nowhere"
mkdir root/leaves/downloads
cp srv/changed/leaves.tar.gz root/leaves/downloads/
expect_status 3 fetch
grep -q "^promptgrid: error: 'root/leaves/downloads/leaves.tar.gz' is not the file that was published" err ||
    fail "a wrong file by hand: $(cat err)"
cp srv/files/leaves.tar.gz root/leaves/downloads/
expect_status 0 fetch --keep
cmp root/leaves/downloads/leaves.tar.gz srv/files/leaves.tar.gz || fail "--keep"
rm -r root/leaves/downloads
whole "by hand"
from "$http/files"
expect_status 3 fetch --offline --json
grep -q '"state": "missing"' out || fail "offline: $(cat out)"
[ -s logs/lines ] && fail "--offline must ask for nothing"
[ -e root/leaves/downloads ] && fail "--offline must write nothing"

# ---- hostile archives ----
mkdir -p hostile/leaves/images
cp made/leaves/images/beach/image_0001.jpg hostile/leaves/images/a.jpg
ln -s /etc hostile/leaves/images/etc
tar -C hostile -czf srv/files/link.tar.gz leaves
tar -C hostile --transform 's#leaves/images/a#leaves/../../../a#' -P -czf srv/files/out.tar.gz leaves/images/a.jpg
head -c 3000 srv/files/leaves.tar.gz >srv/files/cut.tar.gz
$python - <<'END'
import io, tarfile
with tarfile.open("srv/files/bomb.tar.gz", "w:gz", compresslevel=9) as t:
    for i in range(3):
        entry = tarfile.TarInfo("leaves/images/%d.jpg" % i)
        entry.size = 60 << 20
        t.addfile(entry, io.BytesIO(bytes(entry.size)))
END
while IFS='|' read -r file words; do
    from "$http/files" "$file"
    expect_status 3 fetch
    grep -q "$words; nothing of it was taken$" err || fail "$file: $(cat err)"
    [ -e root/leaves/images ] && fail "$file: it has the final name"
    [ -n "$(find root -name 'a.jpg' -o -name '.unpack*')" ] && fail "$file: something of it is there"
done <<'END'
link.tar.gz|'leaves/images/etc' is a link
out.tar.gz|'leaves/../../../a.jpg' leaves the folder
cut.tar.gz|is damaged or cut short: .*
bomb.tar.gz|'images/1.jpg' makes it 200 times as large as it is packed
END
from "$http/files"
mkdir root/leaves/images # somebody else's, and empty
expect_status 3 fetch
grep -q "^promptgrid: error: 30 of 30 images of 'root/leaves' cannot be used: 'promptgrid data check leaves' lists them$" err ||
    fail "what is there is looked at: $(cat err)"

# ---- a known dataset without hashes: what came has to be its split, and pictures ----
$python - <<'END'
import json, zipfile
parts = {"train": 7639, "val": 1898, "test": 3783}
split = {p: [["c%03d/a.jpg" % (i % 101), i % 101, "c%d" % (i % 101)] for i in range(n)] for p, n in parts.items()}
name = "split_zhou_UCF101.json"
json.dump(split, open("srv/files/" + name, "w"))
split["test"].pop()
json.dump(split, open("srv/changed/" + name, "w"))
picture = open("made/leaves/images/beach/image_0001.jpg", "rb").read()
for folder, top in ("files", "UCF-101-midframes"), ("changed", "something"):
    with zipfile.ZipFile("srv/%s/UCF-101-midframes.zip" % folder, "w") as z:
        for k in range(101):
            z.writestr("%s/c%03d/a.jpg" % (top, k), picture)
END
ucf() {
    "$promptgrid" data fetch ucf101 --data ucf --mirror "$@"
}
# without internet its own addresses fail, after the mirror
export https_proxy=http://localhost:1
mkdir ucf
expect_status 3 ucf "$http/changed"
grep -q "not the official 'ucf101': test 3782, officially 3783; it was removed$" err || fail "a split: $(cat err)"
grep -q "'UCF-101-midframes' is not in it; nothing of it was taken$\|'UCF-101-midframes'" err || fail "a zip: $(cat err)"
[ -e ucf/ucf101/split_zhou_UCF101.json ] && fail "another split has the name"
[ -e ucf/ucf101/downloads/UCF-101-midframes.zip ] && fail "what no hash speaks for must go"
head -c 2000 srv/changed/split_zhou_UCF101.json >ucf/ucf101/downloads/split_zhou_UCF101.json.part
expect_status 0 ucf "$http/files"
grep -q "^promptgrid: the SHA-256 of 'split_zhou_UCF101.json' is $(hash_of srv/files/split_zhou_UCF101.json); none was published$" err ||
    fail "the hash of what has none: $(cat err)"
expect_status 0 "$promptgrid" data check ucf101 --data ucf
rm -r ucf/ucf101/split_zhou_UCF101.json
mkdir ucf/ucf101/downloads
# half of one version, half of another: without a hash only the server can tell
head -c 2000 srv/files/split_zhou_UCF101.json | tr 0-9 1-90 >ucf/ucf101/downloads/split_zhou_UCF101.json.part
printf '%s\n"an-old-version"\n' "$http/files/split_zhou_UCF101.json" >ucf/ucf101/downloads/split_zhou_UCF101.json.part.from
expect_status 0 ucf "$http/files"
cmp ucf/ucf101/split_zhou_UCF101.json srv/files/split_zhou_UCF101.json || fail "halves of two versions"
rm ucf/ucf101/split_zhou_UCF101.json
mkdir ucf/ucf101/downloads # nor without its word, though both halves would be a good split
head -c 2000 srv/files/split_zhou_UCF101.json | sed 's#c000/a#c001/a#' >ucf/ucf101/downloads/split_zhou_UCF101.json.part
expect_status 0 ucf "$http/files"
cmp ucf/ucf101/split_zhou_UCF101.json srv/files/split_zhou_UCF101.json || fail "a part of nobody knows what"
unset https_proxy
expect_status 3 "$promptgrid" data fetch imagenet stanford_cars --data ucf --offline
grep -q 'ILSVRC2012_img_train.tar  147897477120 bytes  MD5 1d675b47d978889d74fa0da5fadfb00e$' err || fail "by hand"
grep -q "cars_train.tgz', 979269282 bytes, SHA-256 512b227b" err || fail "what is missing"
expect_status 2 "$promptgrid" data fetch dtd ucf110 --data ucf
same err <<'END'
promptgrid: error: unknown dataset 'ucf110', did you mean 'ucf101'?
END
expect_status 2 "$promptgrid" data fetch dtd
expect_status 2 "$promptgrid" data fetch pocket-land --data ucf
same err <<'END'
promptgrid: error: nothing is known of where 'pocket-land' comes from
END

# ---- a proxy ----
from http://leaves.example/files
http_proxy=http://localhost:$proxy no_proxy=localhost expect_status 0 fetch
whole proxy
grep -q 'leaves.tar.gz 200$' logs/proxy || fail "the proxy must be asked: $(cat logs/proxy)"

# ---- TLS ----
if [ $tls = no ]; then
    echo "no openssl: TLS was not tried"
    pass
fi
from "https://localhost:$https/files"
expect_status 3 fetch
grep -q "no trusted connection for 'https://localhost:" err || fail "unknown authority: $(cat err)"
nothing_there "unknown authority"
export CURL_CA_BUNDLE="$scratch/ca.pem"
while IFS='|' read -r at words what; do
    case $at in
    good) at=$https ;;
    expired) at=$expired ;;
    other) at=$other ;;
    esac
    from "https://localhost:$at/$what"
    expect_status 3 fetch
    grep -q "$words" err || fail "$at $what: $(cat err)"
    nothing_there "$at $what"
done <<'END'
expired|no trusted connection for .*certificate has expired|files
other|no trusted connection for|files
good|leads to an address that is not https, which is not followed|to-http
good|leads to an address that is not https, which is not followed|to-file
END
from "https://localhost:$https/to-files"
expect_status 0 fetch
whole https
pass
