/* Every error of the loader: a YAML text, where it fails, what is said, what to write instead. */
#include "config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* A backend that is right, in front of what is tested below it (line 3 on). */
#define GOOD "backends:\n  - {name: a, side: inside, engine: vllm, url: http://h:1}\n"
/* The same with more options in its map; they begin at column 60 of line 2. */
#define WITH(more) \
    "backends:\n  - {name: a, side: inside, engine: vllm, url: http://h:1, " more "}\n"
#define NODES(list) "backends:\n  - {name: lab, side: inside, engine: vllm, nodes: " list "}\n"
#define URL(url)    "backends:\n  - {name: a, side: inside, engine: vllm, url: \"" url "\"}\n"

#define DISCOVER(map) "backends:\n  - {name: a, side: inside, engine: vllm, discover: " map "}\n"

struct wrong {
    const char *yaml, *text, *hint;
};

#define NETWORKS(list) GOOD "perimeter: {inside_networks: " list "}\n"
#define NETWORK_HINT                                                                        \
    "write an address and the bits of its prefix, like 10.0.0.0/8, with no bit set behind " \
    "them"

static const struct wrong perimeter[] = {
    {NETWORKS("10.0.0.0/8"), "weir.yaml:3:30: perimeter.inside_networks is a text, not a list",
     "write networks like [10.0.0.0/8, \"fc00::/7\"]"},
    {NETWORKS("[]"), "weir.yaml:3:30: perimeter.inside_networks is empty: nothing would be inside",
     "leave it out for the private ranges"},
    {NETWORKS("[10.0.0.0/8, 10.1.0.0/8]"), "weir.yaml:3:43: a network is '10.1.0.0/8'",
     NETWORK_HINT},
    {NETWORKS("[lab.example]"), "weir.yaml:3:31: a network is 'lab.example'", NETWORK_HINT},
    {NETWORKS("[[10.0.0.0/8]]"), "weir.yaml:3:31: a network is a list", NETWORK_HINT},
    {URL("http://8.8.8.8:1"),
     "weir.yaml:2:3: the backend 'a' is inside, but its node 8.8.8.8 is in none of "
     "perimeter.inside_networks",
     "write side: outside, or add its network to perimeter.inside_networks"},
    {URL("http://10.0.0.1:1") "perimeter: {inside_networks: [192.168.0.0/16]}\n",
     "weir.yaml:2:3: the backend 'a' is inside, but its node 10.0.0.1 is in none of "
     "perimeter.inside_networks",
     "write side: outside, or add its network to perimeter.inside_networks"},
};

static const char write_srv[] = "write it like http://_vllm._tcp.engines.internal";
static const char write_resolver[] = "write it like 10.0.0.2:53, or \"[fd00::2]:53\"";

static const struct wrong discover[] = {
    {DISCOVER("{}"), "weir.yaml:2:43: it says not where", "add one of dns, srv and file"},
    {DISCOVER("{interval: 1s}"), "weir.yaml:2:43: it says not where",
     "add one of dns, srv and file"},
    {DISCOVER("{dns: 'http://h', file: n.yaml}"),
     "weir.yaml:2:71: the nodes can be looked up in one place only",
     "write one of dns, srv and file"},
    {WITH("discover: {dns: 'http://h'}"),
     "weir.yaml:2:60: the nodes are given, and are to be looked up too",
     "write one of url, nodes and discover"},
    {DISCOVER("{dns: [h]}"), "weir.yaml:2:59: it is a list, not a URL",
     "write it like http://engines.internal:8000"},
    {DISCOVER("{dns: h}"), "weir.yaml:2:59: a URL begins with http:// or https://",
     "write it like http://10.0.0.7:8000 or https://api.openai.com"},
    {DISCOVER("{dns: 'http://10.0.0.7'}"),
     "weir.yaml:2:59: an address, or localhost, is no name that could be looked up",
     "write url: for a node that is there already"},
    {DISCOVER("{dns: 'http://a.LocalHost'}"),
     "weir.yaml:2:59: an address, or localhost, is no name that could be looked up",
     "write url: for a node that is there already"},
    {DISCOVER("{srv: 'http://engines.test'}"), "weir.yaml:2:59: the name is not that of a service",
     write_srv},
    {DISCOVER("{srv: 'http://_v._tcp'}"), "weir.yaml:2:59: the name is not that of a service",
     write_srv},
    {DISCOVER("{srv: 'http://_v._tcp.e:80'}"),
     "weir.yaml:2:59: the ports are what the SRV records say", write_srv},
    {DISCOVER("{file: ''}"), "weir.yaml:2:60: the file is empty",
     "write its path, like nodes.yaml"},
    {DISCOVER("{file: n.yaml, resolver: '10.0.0.2:53'}"),
     "weir.yaml:2:78: a file is not asked of a resolver", "leave it out"},
    {DISCOVER("{dns: 'http://h', resolver: 'dns.test:53'}"),
     "weir.yaml:2:81: the resolver is a name, which would need another one", write_resolver},
    {DISCOVER("{dns: 'http://h', resolver: [a]}"), "weir.yaml:2:81: the resolver is a list",
     write_resolver},
    {DISCOVER("{dns: 'http://h', resolver: 10.0.0.2}"),
     "weir.yaml:2:81: the port is missing or not a number from 1 to 65535",
     "write host:port, like 127.0.0.1:8484"},
    {DISCOVER("{dns: 'http://h', interval: 1ms}"),
     "weir.yaml:2:81: backends[].discover.interval is out of its range with '1ms'",
     "write a duration like 2s or 500ms, 100ms to 1h"},
    {DISCOVER("{dsn: 'http://h'}"), "weir.yaml:2:54: unknown option 'dsn'", "did you mean 'dns'?"},
};

static const struct wrong syntax[] = {
    {"a: [",
     "weir.yaml:2:1: not YAML: while parsing a flow node, did not find expected node content",
     "quote a value that holds : # { } [ ] * & or %: \"...\""},
    {"a: b: c", "weir.yaml:1:5: not YAML: mapping values are not allowed in this context",
     "quote a value that holds : # { } [ ] * & or %: \"...\""},
    {"x:\n\ty: 1",
     "weir.yaml:2:1: not YAML: while scanning for the next token, found character that cannot "
     "start any token",
     "indent with blanks, never with tabs"},
    {"keys: {a: ${ENV}}",
     "weir.yaml:1:12: not YAML: while parsing a flow mapping, did not find expected ',' or '}'",
     "between { } or [ ] a variable needs quotes: \"${NAME}\""},
    {"listen: [::1]:8485",
     "weir.yaml:1:10: not YAML: while parsing a flow node, did not find expected node content",
     "quote an IPv6 address: \"[::1]:8484\""},
    {"a: \"x",
     "weir.yaml:1:6: not YAML: while scanning a quoted scalar, found unexpected end of stream",
     "quote a value that holds : # { } [ ] * & or %: \"...\""},
    {"a: \001", "weir.yaml:1:4: not a text in UTF-8, or a control character in it",
     "save the file as UTF-8 without control characters"},
    {"a: b\nc: \377", "weir.yaml:2:4: not a text in UTF-8, or a control character in it",
     "save the file as UTF-8 without control characters"},
    {"a: &x 1\n", "weir.yaml:1:4: YAML anchors (&) and tags (!) are not used here",
     "write the value itself; quote a text that begins with & or !"},
    {"a: *x\n", "weir.yaml:1:4: YAML aliases (*name) are not used here",
     "write the value itself; quote a text that begins with *: \"*\""},
    {"a: !!str 1", "weir.yaml:1:4: YAML anchors (&) and tags (!) are not used here",
     "write the value itself; quote a text that begins with & or !"},
    {"a: &x [1]", "weir.yaml:1:4: YAML anchors (&) and tags (!) are not used here",
     "write the value itself; quote a text that begins with & or !"},
    {"--- {}\n--- {}\n", "weir.yaml:2:1: a second document begins here",
     "a config is one document: remove the line ---"},
    {"listen: a:1\nlisten: b:2\n", "weir.yaml:2:1: 'listen' stands twice, first in line 1",
     "remove one of the two"},
    {"? [a]\n: b\n", "weir.yaml:1:3: a key must be a text", "quote it if it begins with { or ["},
    {"[[[[[[[[[[[[[[[[[[", "weir.yaml:1:17: nested more than 16 deep",
     "no option stands that deep"},
    {"- a\n", "weir.yaml:1:1: the config is a list, not a map",
     "write it as key: value, one a line"},
    {"hello", "weir.yaml:1:1: the config is a text, not a map",
     "write it as key: value, one a line"},
    {"listen: \"127.0.0.1\\n:1\"",
     "weir.yaml:1:9: a text holds a line break or a control character",
     "write it on one line, in UTF-8"},
    {"listen: \"a\\Lb\"", "weir.yaml:1:9: a text holds a line break or a control character",
     "write it on one line, in UTF-8"},
    {"listen: ${UNSET_HERE}", "weir.yaml:1:9: the environment variable UNSET_HERE is not set",
     "set it before the start: export UNSET_HERE=..."},
    {"listen: x${", "weir.yaml:1:9: '${' begins a variable, but no name and '}' follow",
     "write ${NAME}, or $${ for the two characters ${"},
    {"listen: ${A-B}:1", "weir.yaml:1:9: '${' begins a variable, but no name and '}' follow",
     "write ${NAME}, or $${ for the two characters ${"},
    {"listen: ${HOST_SECRET}", "weir.yaml:1:9: the port is missing or not a number from 1 to 65535",
     "write host:port, like 127.0.0.1:8484"},
    {"ledger: {path: \"${TWO_LINES}\"}",
     "weir.yaml:1:16: a text holds a line break or a control character",
     "write it on one line, in UTF-8"},
};

static const struct wrong shape[] = {
    {"# nothing\n", "weir.yaml:1:1: there is no backend",
     "add one: backends: [{name: lab, side: inside, engine: vllm, url: \"http://10.0.0.7:8000\"}]"},
    {"backends:\n", "weir.yaml:1:10: there is no backend",
     "add one: backends: [{name: lab, side: inside, engine: vllm, url: \"http://10.0.0.7:8000\"}]"},
    {"backends: []\n", "weir.yaml:1:11: there is no backend",
     "add one: backends: [{name: lab, side: inside, engine: vllm, url: \"http://10.0.0.7:8000\"}]"},
    {"listen: 127.0.0.1:1\n", "weir.yaml:1:1: there is no backend",
     "add one: backends: [{name: lab, side: inside, engine: vllm, url: \"http://10.0.0.7:8000\"}]"},
    {"lisen: 127.0.0.1:8484\n", "weir.yaml:1:1: unknown option 'lisen'", "did you mean 'listen'?"},
    {"first_token: 3s\n", "weir.yaml:1:1: unknown option 'first_token'",
     "there is an option timeouts.first_token"},
    {"xyzzy: 1\n", "weir.yaml:1:1: unknown option 'xyzzy'",
     "known here: listen, admin, loops, zone, insecure, keys, aliases, backends, policy, "
     "perimeter, "
     "limits, timeouts, streams, breaker, retry, health, balance, hedge, overflow, "
     "queue, ledger, responses, prices"},
    {"limits:\n  bodi: 1MiB\n", "weir.yaml:2:3: unknown option 'bodi'", "did you mean 'body'?"},
    {"limits: 5\n", "weir.yaml:1:9: limits is a text, not a map",
     "write it as key: value, one a line"},
    {"timeouts: [1]\n", "weir.yaml:1:11: timeouts is a list, not a map",
     "write it as key: value, one a line"},
    {"limits: {body:1MiB}\n", "weir.yaml:1:10: unknown option 'body:1MiB'",
     "between { and } a ':' needs a blank behind it"},
    {"limits:\n  body:\n", "weir.yaml:2:8: limits.body is empty",
     "write a size like 32MiB, 1KiB to 1GiB"},
    {"limits: {body: [1]}\n", "weir.yaml:1:16: limits.body is a list",
     "write a size like 32MiB, 1KiB to 1GiB"},
    {"timeouts: {head: 30}\n", "weir.yaml:1:18: timeouts.head is '30'",
     "a duration needs a unit: write 30s, or 30ms"},
    {"timeouts: {head: 0s}\n", "weir.yaml:1:18: timeouts.head is out of its range with '0s'",
     "write a duration like 2s or 500ms, 1ms to 1h"},
    {"timeouts: {head: 2 weeks}\n", "weir.yaml:1:18: timeouts.head is '2 weeks'",
     "write a duration like 2s or 500ms, 1ms to 1h"},
    {"timeouts: {connect: 1h}\n", "weir.yaml:1:21: timeouts.connect is out of its range with '1h'",
     "write a duration like 2s or 500ms, 1ms to 5m"},
    {"timeouts: {total: 99999999999999999999s}\n",
     "weir.yaml:1:19: timeouts.total is '99999999999999999999s'",
     "write a duration like 2s or 500ms, 1ms to 24h"},
    {"limits: {body: 12}\n", "weir.yaml:1:16: limits.body is out of its range with '12'",
     "write a size like 32MiB, 1KiB to 1GiB"},
    {"limits: {body: 2TB}\n", "weir.yaml:1:16: limits.body is '2TB'",
     "write a size like 32MiB, 1KiB to 1GiB"},
    {"limits: {connections: 0}\n",
     "weir.yaml:1:23: limits.connections is out of its range with '0'",
     "write a number, 1 to 1000000"},
    {"limits: {connections: many}\n", "weir.yaml:1:23: limits.connections is 'many'",
     "write a number, 1 to 1000000"},
    {"breaker: {failures: -1}\n", "weir.yaml:1:21: breaker.failures is '-1'",
     "write a number, 1 to 1000"},
    {"hedge: {share: 2}\n", "weir.yaml:1:16: hedge.share is out of its range with '2'",
     "write a number from 0 to 1"},
    {"ledger: {required: yes}\n", "weir.yaml:1:20: ledger.required is 'yes'",
     "write true or false"},
    {"ledger: {sync: fast}\n", "weir.yaml:1:16: ledger.sync is 'fast'", "write normal | full"},
    {"ledger: {path: \"\"}\n", "weir.yaml:1:16: ledger.path is ''", "write a text"},
    {"insecure: {}\n", "weir.yaml:1:11: insecure is a map", "write true or false"},
    {"loops: 65\n", "weir.yaml:1:8: loops is '65'", "write auto or a number from 1 to 64"},
    {"loops: 0\n", "weir.yaml:1:8: loops is '0'", "write auto or a number from 1 to 64"},
    {"loops:\n", "weir.yaml:1:7: loops is empty", "write auto or a number from 1 to 64"},
    {"policy: {min_confidence: 1.5}\n",
     "weir.yaml:1:26: policy.min_confidence is out of its range with '1.5'",
     "write a number from 0 to 1"},
    {"policy: {min_confidence: high}\n", "weir.yaml:1:26: policy.min_confidence is 'high'",
     "write a number from 0 to 1"},
};

static const struct wrong addresses[] = {
    {GOOD "listen: :8484\n", "weir.yaml:3:9: the host before the port is missing",
     "write 127.0.0.1:8484, or 0.0.0.0:8484 for every network"},
    {GOOD "listen: 8484\n", "weir.yaml:3:9: the port is missing or not a number from 1 to 65535",
     "write host:port, like 127.0.0.1:8484"},
    {GOOD "listen: localhost\n",
     "weir.yaml:3:9: the port is missing or not a number from 1 to 65535",
     "write host:port, like 127.0.0.1:8484"},
    {GOOD "listen: localhost:0\n",
     "weir.yaml:3:9: the port is missing or not a number from 1 to 65535",
     "write host:port, like 127.0.0.1:8484"},
    {GOOD "listen: localhost:70000\n",
     "weir.yaml:3:9: the port is missing or not a number from 1 to 65535",
     "write host:port, like 127.0.0.1:8484"},
    {GOOD "listen: ::1:8484\n", "weir.yaml:3:9: an IPv6 address needs brackets",
     "write it like \"[::1]:8484\", with the quotes"},
    {GOOD "listen: \"[::1]\"\n",
     "weir.yaml:3:9: the port is missing or not a number from 1 to 65535",
     "write host:port, like 127.0.0.1:8484"},
    {GOOD "listen: \"[::g]:1\"\n", "weir.yaml:3:9: what stands in [ ] is no IPv6 address",
     "write it like [::1] or [2001:db8::7], without a zone"},
    {GOOD "listen: \"[::1]8484\"\n", "weir.yaml:3:9: only :port may follow the ]",
     "write it like \"[::1]:8484\""},
    {GOOD "listen: \"*:8484\"\n",
     "weir.yaml:3:9: the host is empty or holds a character that no host has",
     "write a name, an IPv4 address or an IPv6 address in [ ]"},
    {GOOD "listen: 0.0.0.0:8484\n",
     "weir.yaml:3:9: listen is reachable from outside this machine, and there are no keys",
     "add keys:, or listen on 127.0.0.1; insecure: true allows it anyway"},
    {GOOD "admin: 0.0.0.0:8485\n", "weir.yaml:3:8: admin is reachable from outside this machine",
     "write a loopback address like 127.0.0.1:8485; insecure: true allows it anyway"},
    {GOOD "listen: 127.0.0.1:8485\n", "weir.yaml:3:9: listen and admin are the same address",
     "give admin a port of its own"},
};

static const struct wrong access[] = {
    {GOOD "keys: [a]\n", "weir.yaml:3:7: keys is a list, not a map",
     "write name: token, one a line"},
    {GOOD "keys: {\"a b\": 0123456789abcdef}\n", "weir.yaml:3:8: a key cannot have this name",
     "use letters, digits and _ . - @, 64 at the most"},
    {GOOD "keys: {a: }\n", "weir.yaml:3:11: the token is empty",
     "write it as text, best as ${NAME} from the environment"},
    {GOOD "keys: {a: [x]}\n", "weir.yaml:3:11: the token is a list",
     "write it as text, best as ${NAME} from the environment"},
    {GOOD "keys: {a: \"\"}\n", "weir.yaml:3:11: the token is empty",
     "write it as text, best as ${NAME} from the environment"},
    {GOOD "keys: {a: \"0123456789abcdef secret\"}\n",
     "weir.yaml:3:11: the token holds a blank or a character beyond ASCII",
     "only printable ASCII without blanks can be sent"},
    {GOOD "keys: {a: sha256:abc}\n",
     "weir.yaml:3:11: behind sha256: there must be 64 hexadecimal digits",
     "make it with: printf %s TOKEN | sha256sum"},
    {GOOD "keys: {a: SHA256:abc}\n",
     "weir.yaml:3:11: behind sha256: there must be 64 hexadecimal digits",
     "make it with: printf %s TOKEN | sha256sum"},
    {GOOD "keys: {a: \"***\"}\n",
     "weir.yaml:3:11: the token is ***, which weir config show prints instead of a secret",
     "put the secret in again, best as ${NAME} from the environment"},
    {GOOD "keys: {a: 0123456789abcdef, b: 0123456789abcdef}\n",
     "weir.yaml:3:32: the keys 'a' and 'b' have the same token",
     "give each key a token of its own"},
    {GOOD "aliases: [a]\n", "weir.yaml:3:10: aliases is a list, not a map",
     "write pattern: target, one a line"},
    {GOOD "aliases: {auto: x}\n",
     "weir.yaml:3:11: auto, inside/... and outside/... mean something already",
     "choose another name for the alias"},
    {GOOD "aliases: {inside/x: y}\n",
     "weir.yaml:3:11: auto, inside/... and outside/... mean something already",
     "choose another name for the alias"},
    {GOOD "aliases: {a: inside/}\n", "weir.yaml:3:14: an alias cannot point to 'inside/'",
     "a target is auto, inside/MODEL, outside/MODEL or a model"},
    {GOOD "aliases: {a: \"gpt-*\"}\n", "weir.yaml:3:14: an alias cannot point to 'gpt-*'",
     "a target is auto, inside/MODEL, outside/MODEL or a model"},
    {GOOD "aliases: {a: }\n", "weir.yaml:3:14: the target of an alias is empty",
     "a target is auto, inside/MODEL, outside/MODEL or a model"},
    {GOOD "aliases:\n  a: b\n  b: c\n", "weir.yaml:4:6: the alias points to the alias in line 5",
     "aliases are followed once: write the model itself"},
    {GOOD "aliases: {a: a}\n", "weir.yaml:3:14: the alias points to itself in line 3",
     "aliases are followed once: write the model itself"},
};

static const struct wrong backends[] = {
    {"backends: lab\n", "weir.yaml:1:11: backends is a text, not a list",
     "begin each backend with - name: ..."},
    {"backends: {name: lab}\n", "weir.yaml:1:11: backends is a map, not a list",
     "begin each backend with - name: ..."},
    {"backends: [lab]\n", "weir.yaml:1:12: a backend is 'lab', not a map",
     "write - name: ..., and side:, engine:, url: below it"},
    {"backends:\n  - name: Lab\n", "weir.yaml:2:11: backends[].name is 'Lab'",
     "write a name of a-z, 0-9, _ . and -"},
    {"backends:\n  - name: lab\n", "weir.yaml:2:5: 'side' is missing here",
     "add side: inside | outside"},
    {"backends:\n  - name: lab\n    side: within\n", "weir.yaml:3:11: backends[].side is 'within'",
     "write inside | outside"},
    {"backends:\n  - {name: lab, side: inside, engine: triton}\n",
     "weir.yaml:2:39: backends[].engine is 'triton'",
     "write openai | ollama | vllm | llamacpp | anthropic"},
    {"backends:\n  - {name: lab, side: inside, engine: vllm}\n",
     "weir.yaml:2:5: the backend 'lab' has no node",
     "add url: http://host:port, or nodes: [http://..., ...]"},
    {"backends:\n  - {name: lab, side: inside, engine: vllm, nodes: []}\n",
     "weir.yaml:2:52: nodes is empty", "write nodes: [http://...], or url: for a single one"},
    {"backends:\n  - {name: lab, side: inside, engine: vllm, nodes: http://h}\n",
     "weir.yaml:2:52: nodes is a text, not a list",
     "write nodes: [http://...], or url: for a single one"},
    {"backends:\n  - {name: lab, side: inside, engine: vllm, nodes: [[x]]}\n",
     "weir.yaml:2:53: a node is a list, not a URL", "write it like http://10.0.0.7:8000"},
    {"backends:\n  - {name: lab, side: inside, engine: vllm, nodes: [http://h, http://h]}\n",
     "weir.yaml:2:63: the node stands twice", "remove one of the two"},
    {NODES("[http://h, {url: http://h, zone: a}]"), "weir.yaml:2:63: the node stands twice",
     "remove one of the two"},
    {NODES("[{zone: a}]"), "weir.yaml:2:53: 'url' is missing here", "add url: URL"},
    {NODES("[{url: [http://h]}]"), "weir.yaml:2:59: a node is a list, not a URL",
     "write it like http://10.0.0.7:8000"},
    {NODES("[{url: http://h, weight: 0}]"),
     "weir.yaml:2:77: backends[].nodes[].weight is out of its range with '0'",
     "write a number, 1 to 1000"},
    {NODES("[{url: http://h, weight: 1001}]"),
     "weir.yaml:2:77: backends[].nodes[].weight is out of its range with '1001'",
     "write a number, 1 to 1000"},
    {NODES("[{url: http://h, zone: \"room 7\"}]"),
     "weir.yaml:2:75: backends[].nodes[].zone is 'room 7'", "write a name of a-z, 0-9, _ . and -"},
    {NODES("[{url: http://h, wieght: 5}]"), "weir.yaml:2:69: unknown option 'wieght'",
     "did you mean 'weight'?"},
    {WITH("nodes: [http://h]"), "weir.yaml:2:60: both url and nodes are given",
     "write one of the two"},
    {GOOD "  - {name: a, side: outside, engine: openai, url: https://x}\n",
     "weir.yaml:3:12: two backends are called 'a'", "give each backend a name of its own"},
    {WITH("kye: x"), "weir.yaml:2:60: unknown option 'kye'", "did you mean 'key'?"},
    {WITH("key: \"***\""),
     "weir.yaml:2:65: the backend's key is ***, which weir config show prints instead of a secret",
     "put the secret in again, best as ${NAME} from the environment"},
    {WITH("key: \"${EMPTY}\""), "weir.yaml:2:65: the backend's key is empty",
     "write it as text, best as ${NAME} from the environment"},
    {WITH("key: \"a b\""),
     "weir.yaml:2:65: the backend's key holds a blank or a character beyond ASCII",
     "only printable ASCII without blanks can be sent"},
    {WITH("models: x"), "weir.yaml:2:68: models is a text, not a list",
     "write models: [name, ...]"},
    {WITH("models: [a, a]"), "weir.yaml:2:72: the model stands twice", "remove one of the two"},
    {WITH("models: [auto]"), "weir.yaml:2:69: a model cannot be called 'auto'",
     "write the model's name as the server has it"},
    {WITH("models: [\"gpt-*\"]"), "weir.yaml:2:69: a model cannot be called 'gpt-*'",
     "write the model's name as the server has it"},
    {WITH("models: [{window: 5}]"), "weir.yaml:2:69: 'name' is missing here", "add name: a text"},
    {WITH("models: [{name: m, window: 0}]"),
     "weir.yaml:2:87: backends[].models[].window is out of its range with '0'",
     "write a number, 1 to 100000000"},
    {WITH("models: [[a]]"), "weir.yaml:2:69: a model is a list",
     "write its name, or {name: ..., window: ...}"},
    {WITH("models: [{name: m, abilities: [sing]}]"), "weir.yaml:2:91: an ability is 'sing'",
     "write tools, images, schema or embeddings"},
    {WITH("models: [{name: m, abilities: tools}]"),
     "weir.yaml:2:90: abilities is a text, not a list",
     "write abilities: [tools, images, schema] or [embeddings]"},
    {WITH("connect: 5"), "weir.yaml:2:69: backends[].connect is '5'",
     "a duration needs a unit: write 5s, or 5ms"},
    {WITH("cost_per_hour: $2"), "weir.yaml:2:75: backends[].cost_per_hour is '$2'",
     "write dollars like 1.25, up to 9 decimals"},
    {WITH("cost_per_hour: 0.1234567891"),
     "weir.yaml:2:75: backends[].cost_per_hour is '0.1234567891'",
     "write dollars like 1.25, up to 9 decimals"},
};

static const struct wrong urls[] = {
    {URL("h:1"), "weir.yaml:2:48: a URL begins with http:// or https://",
     "write it like http://10.0.0.7:8000 or https://api.openai.com"},
    {URL("ftp://h"), "weir.yaml:2:48: a URL begins with http:// or https://",
     "write it like http://10.0.0.7:8000 or https://api.openai.com"},
    {URL("http://"), "weir.yaml:2:48: the host is empty or holds a character that no host has",
     "write a name, an IPv4 address or an IPv6 address in [ ]"},
    {URL("http://u:pw@h"), "weir.yaml:2:48: the URL holds a user or a password",
     "use key: for the credential and leave the part before @ out"},
    {URL("http://h:0"), "weir.yaml:2:48: the port of the URL is not a number from 1 to 65535",
     "write it like http://10.0.0.7:8000"},
    {URL("http://h:x"), "weir.yaml:2:48: the port of the URL is not a number from 1 to 65535",
     "write it like http://10.0.0.7:8000"},
    {URL("http://h?k=1"), "weir.yaml:2:48: the URL has a query or a fragment",
     "cut it before the ? or #"},
    {URL("http://h/a b"),
     "weir.yaml:2:48: the URL is too long or holds a character that no URL has",
     "write it like http://10.0.0.7:8000 or https://api.openai.com"},
    {URL("http://::1"), "weir.yaml:2:48: an IPv6 address needs brackets",
     "write it like \"[::1]:8484\", with the quotes"},
    {URL("http://[::1"), "weir.yaml:2:48: what stands in [ ] is no IPv6 address",
     "write it like [::1] or [2001:db8::7], without a zone"},
    {URL("http://[::1]x"), "weir.yaml:2:48: only :port may follow the ]",
     "write it like \"[::1]:8484\""},
    {URL("http://h/v1/chat/completions"),
     "weir.yaml:2:48: the URL goes on behind the server's base",
     "write the base only, like https://api.openai.com"},
};

static const struct wrong policy[] = {
    {GOOD "policy:\n  threshold: 2\n", "weir.yaml:4:14: policy.threshold is '2'",
     "write a number from 0 to 1, like 0.6"},
    {GOOD "policy:\n  matrix: inside\n", "weir.yaml:4:11: policy.matrix is a text, not a map",
     "write task: placement, one a line"},
    {GOOD "policy:\n  matrix: {poetry: inside}\n", "weir.yaml:4:12: a task is 'poetry'",
     "the tasks are: classification, extraction, summarization, translation, support_faq, "
     "reasoning, coding, creative, general"},
    {GOOD "policy:\n  matrix: {coding: nowhere}\n", "weir.yaml:4:20: a placement is 'nowhere'",
     "write inside, outside, inside_only, outside_only, by_complexity or {inside_up_to: 0.6}"},
    {GOOD "policy:\n  matrix: {coding: {up_to: 1}}\n",
     "weir.yaml:4:20: a placement is a map without inside_up_to alone",
     "write inside, outside, inside_only, outside_only, by_complexity or {inside_up_to: 0.6}"},
    {GOOD "policy:\n  matrix: {coding: {inside_up_to: x}}\n", "weir.yaml:4:35: inside_up_to is 'x'",
     "write a number from 0 to 1, like 0.6"},
    {GOOD "policy:\n  matrix: {summarization: inside, summarisation: inside}\n",
     "weir.yaml:4:35: the task stands twice", "remove one of the two"},
    {GOOD "policy:\n  rules: {a: b}\n", "weir.yaml:4:10: policy.rules is a map, not a list",
     "begin each rule with - when: ..."},
    {GOOD "policy:\n  rules: [a]\n", "weir.yaml:4:11: a rule is 'a', not a map",
     "write - when: {...} and go: ... below it"},
    {GOOD "policy:\n  rules: [{name: x}]\n", "weir.yaml:4:11: the rule does nothing",
     "add go: inside (or another placement), task: or sensitive: ..."},
    {GOOD "policy:\n  rules: [{continue: maybe}]\n", "weir.yaml:4:22: continue is 'maybe'",
     "write true or false"},
    {GOOD "policy:\n  rules: [{go: away}]\n", "weir.yaml:4:16: a placement is 'away'",
     "write inside, outside, inside_only, outside_only, by_complexity or {inside_up_to: 0.6}"},
    {GOOD "policy:\n  rules: [{go: inside, when: {modle: x}}]\n",
     "weir.yaml:4:31: unknown option 'modle'", "did you mean 'model'?"},
    {GOOD "policy:\n  rules: [{go: inside, when: {header: {a: b, c: d}}}]\n",
     "weir.yaml:4:39: when.header names 2 entries, a rule may look at one",
     "write it like {x-team: \"legal*\"}"},
    {GOOD "policy:\n  rules: [{go: inside, when: {header: x}}]\n",
     "weir.yaml:4:39: when.header is a text, not a map", "write it like {x-team: \"legal*\"}"},
    {GOOD "policy:\n  rules: [{go: inside, when: {metadata: {a: }}}]\n",
     "weir.yaml:4:45: when.metadata is empty", "write it like {x-team: \"legal*\"}"},
    {GOOD "policy:\n  rules: [{go: inside, when: {metadata: {\"\": b}}}]\n",
     "weir.yaml:4:42: when.metadata has an empty name", "write it like {x-team: \"legal*\"}"},
    {GOOD "policy:\n  rules: [{go: inside, when: {task: poetry}}]\n",
     "weir.yaml:4:37: a task is 'poetry'",
     "the tasks are: classification, extraction, summarization, translation, support_faq, "
     "reasoning, coding, creative, general"},
    {GOOD "policy:\n  rules: [{go: inside, when: {hours: night}}]\n",
     "weir.yaml:4:38: hours is 'night'", "write it like \"22:00-06:00\""},
    {GOOD "policy:\n  rules: [{go: inside, when: {hours: \"06:00-06:00\"}}]\n",
     "weir.yaml:4:38: hours is '06:00-06:00'", "write it like \"22:00-06:00\""},
    {GOOD "policy:\n  rules: [{go: inside, when: {hours: \"6:00-25:00\"}}]\n",
     "weir.yaml:4:38: hours is '6:00-25:00'", "write it like \"22:00-06:00\""},
    {GOOD "policy:\n  rules: [{go: inside, when: {complexity_above: 7}}]\n",
     "weir.yaml:4:49: policy.rules[].when.complexity_above is out of its range with '7'",
     "write a number from 0 to 1"},
    {GOOD "policy:\n  rules: [{task: [coding]}]\n", "weir.yaml:4:18: a task is a list",
     "the tasks are: classification, extraction, summarization, translation, support_faq, "
     "reasoning, coding, creative, general"},
};

static const struct wrong prices[] = {
    {GOOD "prices: [a]\n", "weir.yaml:3:9: prices is a list, not a map",
     "write model: {input: 0.25, output: 2}"},
    {GOOD "prices: {a: 1}\n", "weir.yaml:3:13: a price is a text, not a map",
     "write model: {input: 0.25, output: 2}"},
    {GOOD "prices: {\"*-mini\": {input: 1, output: 1}}\n",
     "weir.yaml:3:10: a price's model may only end in *",
     "write a model, or the beginning of one and *"},
    {GOOD "prices: {a: {input: 1}}\n", "weir.yaml:3:13: 'output' is missing here",
     "add output: dollars a million tokens like 0.25, up to 6 decimals"},
    {GOOD "prices: {a: {input: 1e3, output: 1}}\n", "weir.yaml:3:21: prices.*.input is '1e3'",
     "write dollars a million tokens like 0.25, up to 6 decimals"},
    {GOOD "prices: {a: {input: 0.1234567, output: 1}}\n",
     "weir.yaml:3:21: prices.*.input is '0.1234567'",
     "write dollars a million tokens like 0.25, up to 6 decimals"},
    {GOOD "prices: {a: {input: 1, output: 1, cache: 1}}\n",
     "weir.yaml:3:35: unknown option 'cache'", "known here: input, cached_input, output"},
};

static void check(const struct wrong *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct error err = {0};
        struct config *c = config_load("weir.yaml", view_str(rows[i].yaml), &err);
        if (c)
            print_error("loaded, but must not:\n%s\n", rows[i].yaml);
        assert_null(c);
        assert_int_equal(err.code, ERROR_BAD_CONFIG);
        assert_string_equal(err.text, rows[i].text);
        assert_string_equal(err.hint, rows[i].hint);
    }
}

#define TEST(name)                                     \
    static void test_##name(void **state)              \
    {                                                  \
        (void)state;                                   \
        check(name, sizeof(name) / sizeof((name)[0])); \
    }
TEST(syntax)
TEST(shape)
TEST(addresses)
TEST(access)
TEST(backends)
TEST(urls)
TEST(perimeter)
TEST(discover)
TEST(policy)
TEST(prices)

struct warned {
    const char *yaml, *warning;
};

static const struct warned warned[] = {
    {GOOD "keys: {a: short}\n",
     "weir.yaml:3:11: the token of key 'a' is shorter than 16 characters: it can be guessed\n"},
    {GOOD "listen: 0.0.0.0:8484\ninsecure: true\n",
     "weir.yaml:3:9: listen is reachable from outside this machine without a key\n"},
    {GOOD "admin: 0.0.0.0:8485\ninsecure: true\n",
     "weir.yaml:3:8: admin is reachable from outside this machine\n"},
    {"backends:\n  - {name: a, side: outside, engine: openai, url: http://h:1}\n",
     "weir.yaml:2:5: backend 'a' is outside and not https: prompts and its key can be read on the "
     "way\n"},
    {GOOD "policy:\n  rules:\n    - go: inside\n    - {go: outside, when: {model: x}}\n",
     "weir.yaml:5:7: this rule has no condition, so no rule below it is ever looked at\n"},
    {GOOD "", ""},
    {"backends:\n  - {name: a, side: outside, engine: openai, url: http://127.0.0.1:1}\n", ""},
    {GOOD "keys: {a: 0123456789abcdef}\nlisten: 0.0.0.0:8484\n", ""},
};

static void test_warnings(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(warned) / sizeof(warned[0]); i++) {
        struct error err = {0};
        struct config *c = config_load("weir.yaml", view_str(warned[i].yaml), &err);
        assert_string_equal(err.text, "");
        assert_non_null(c);
        struct view w = config_warnings(c);
        assert_int_equal(w.n, strlen(warned[i].warning));
        assert_memory_equal(w.p, warned[i].warning, w.n);
        config_unref(c);
    }
}

/* `head`, `n` times `item`, `tail`. */
static char *repeat(const char *head, const char *item, size_t n, const char *tail)
{
    size_t size = strlen(head) + n * strlen(item) + strlen(tail) + 1;
    char *text = malloc(size);
    char *at = text;

    assert_non_null(text);
    at = stpcpy(at, head);
    while (n--)
        at = stpcpy(at, item);
    stpcpy(at, tail);
    return text;
}

static void test_bounds(void **state)
{
    static const struct {
        const char *head, *item, *tail;
        size_t n;
        const char *text;
    } rows[] = {
        {"x: ", "aaaaaaaaaaaaaaaa", "", 65536, "weir.yaml is larger than 1 MiB"},
        {"x: ", "aaaaaaaaaaaaaaaa", "", 4097, "weir.yaml:1:4: the value is longer than 64 KiB"},
        {"x: [", "a,", "]", 4097, "weir.yaml:1:8197: more than 4096 entries in one list or map"},
        {"x: [", "[a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a],", "]", 3000,
         "weir.yaml:1:131070: the file holds more than 65536 values"},
        {"keys: {a: \"", "${LONG}", "\"}", 80,
         "weir.yaml:1:11: the value is too long with its variables filled in"},
        {"backends: [", "a,", "]", 300,
         "weir.yaml:1:11: backends has 300 entries, the most is 256"},
    };

    (void)state;
    char *value = repeat("", "x", 1000, "");
    setenv("LONG", value, 1);
    free(value);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct error err = {0};
        char *yaml = repeat(rows[i].head, rows[i].item, rows[i].n, rows[i].tail);
        assert_null(config_load("weir.yaml", view_str(yaml), &err));
        assert_string_equal(err.text, rows[i].text);
        assert_int_not_equal(err.hint[0], '\0');
        free(yaml);
    }
}

/* What came from the environment may be a secret: no error repeats it. */
static void test_secrets_stay_secret(void **state)
{
    static const char *const texts[] = {
        "loops: ${HOST_SECRET}\n",
        "timeouts: {head: \"${HOST_SECRET}\"}\n",
        "ledger: {sync: \"${HOST_SECRET}\"}\n",
        "admin: ${HOST_SECRET}\n",
        "aliases: {a: \"${HOST_SECRET}*\"}\n",
        "keys: {a: \"s3cret s3cret s3cret\"}\n",
        "keys: {a: sha256:s3cret}\n",
        "keys: s3cret\n",
        URL("http://u:s3cret@h"),
        URL("http://h?key=s3cret"),
        WITH("key: \"s3cret s3cret\""),
        "backends: s3cret\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct error err = {0};
        assert_null(config_load("weir.yaml", view_str(texts[i]), &err));
        assert_null(strstr(err.text, "s3cret"));
        assert_null(strstr(err.hint, "s3cret"));
        assert_int_equal(strncmp(err.text, "weir.yaml:", 10), 0);
    }
}

static void test_files(void **state)
{
    struct error err = {0};

    (void)state;
    assert_null(config_load("/nowhere/weir.yaml", VIEW_NONE, &err));
    assert_string_equal(err.text, "cannot read /nowhere/weir.yaml: No such file or directory");
    assert_null(config_load("/", VIEW_NONE, &err));
    assert_string_equal(err.text, "cannot read /: Is a directory");
    assert_null(config_load(NULL, VIEW_NONE, &err));
    assert_string_equal(err.text, "built-in config:1:1: there is no backend");
    /* Of a long path the end is kept. */
    char *name = repeat("/nowhere/", "0123456789", 20, "");
    assert_null(config_load(name, VIEW("a: 1"), &err));
    assert_int_equal(strncmp(err.text, "...3456789012", 13), 0);
    assert_string_equal(err.text + 80, ":1:1: unknown option 'a'");
    free(name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_syntax),
        cmocka_unit_test(test_shape),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_access),
        cmocka_unit_test(test_backends),
        cmocka_unit_test(test_urls),
        cmocka_unit_test(test_perimeter),
        cmocka_unit_test(test_discover),
        cmocka_unit_test(test_policy),
        cmocka_unit_test(test_prices),
        cmocka_unit_test(test_warnings),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_secrets_stay_secret),
        cmocka_unit_test(test_files),
    };

    setenv("HOST_SECRET", "s3cret", 1);
    setenv("TWO_LINES", "a\nb", 1);
    setenv("EMPTY", "", 1);
    unsetenv("UNSET_HERE");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
