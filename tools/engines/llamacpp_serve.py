"""Runs the C++ HTTP server of llama.cpp out of the xllamacpp wheel until SIGTERM or SIGINT."""
import os
import signal

import xllamacpp

environ = os.environ
params = xllamacpp.CommonParams()
params.model.path = environ["LLAMACPP_MODEL"]
params.model_alias = {environ["LLAMACPP_NAME"]}
params.hostnames = ["127.0.0.1"]
params.port = int(environ["LLAMACPP_PORT"])
params.n_ctx = int(environ.get("LLAMACPP_CONTEXT", "4096"))
params.n_parallel = int(environ.get("LLAMACPP_SLOTS", "2"))
threads = int(environ.get("LLAMACPP_THREADS", "2"))
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
params.verbosity = int(environ.get("LLAMACPP_VERBOSITY", "3"))
kv_type = "GGML_TYPE_" + environ.get("LLAMACPP_KV_TYPE", "F16")
params.cache_type_k = params.cache_type_v = getattr(xllamacpp.ggml_type, kv_type)
params.endpoint_metrics = params.endpoint_props = params.endpoint_slots = True
params.ui = False
if environ.get("LLAMACPP_KEY"):
    params.api_keys = [environ["LLAMACPP_KEY"]]
if environ.get("LLAMACPP_TEMPLATE"):
    with open(environ["LLAMACPP_TEMPLATE"]) as template:
        params.chat_template = template.read()

signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
server = xllamacpp.Server(params)
print("listening on", server.listening_address, flush=True)
signal.sigwait({signal.SIGTERM, signal.SIGINT})
os._exit(0)  # its threads have no other end
