# The two commands a newcomer needs are `make demo` and `make test`. Neither needs elevated rights.

GO ?= go
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/wantgo

BUF_VERSION := v1.75.0
PROTOC_GEN_GO_VERSION := v1.36.12
PROTOC_GEN_GO_GRPC_VERSION := v1.6.0
# Built once and kept in the user's cache, in a directory named by the versions.
TOOLS := $(CACHE)/tools/buf-$(BUF_VERSION)-go-$(PROTOC_GEN_GO_VERSION)-grpc-$(PROTOC_GEN_GO_GRPC_VERSION)

.PHONY: help demo build test vet generate check-generate lint bench bench-push docs chaos

help:
	@echo 'make demo            watch phones walk through an invented Seoul and receive coupons'
	@echo 'make test            every check and every test'
	@echo 'make build           the program, as ./wantgo'
	@echo 'make bench           benchmarks'
	@echo 'make bench-push      notifications a second from the outbox to emulated providers, beside a bare loop'
	@echo 'make chaos           nodes and databases killed, frozen, cut off and filled up, at length, and a table of it'
	@echo 'make lint            formatting, vet, and the rules of the API'
	@echo 'make generate        Go code of proto/, after a change there'
	@echo 'make docs            the configuration table in README.md, after a change of flags'

demo: compiler
	$(GO) run . demo $(ARGS)

build: compiler
	$(GO) build -o wantgo .

test: lint check-generate
	$(GO) test -timeout 8m ./...

vet: compiler
	$(GO) vet ./...
	cd services/app/bench/bare && $(GO) vet .

bench: compiler
	$(GO) test -run '^$$' -bench . -benchmem ./...

# The bare loop is a module of its own, so that nothing of wantgo can get into it.
bench-push: compiler $(CACHE)/tools/bare
	$(GO) run . bench push --bare $(CACHE)/tools/bare $(ARGS)

$(CACHE)/tools/bare: services/app/bench/bare/main.go services/app/bench/bare/go.mod
	cd services/app/bench/bare && $(GO) build -o $@ .

# As root it also fills up a small disk. WANTGO_CHAOS_FROM=COMMIT is the release that a rolling upgrade begins with, where
# there is no tag; WANTGO_CHAOS_SEED repeats a run's choices.
chaos: compiler
	WANTGO_CHAOS=full $(GO) test -count=1 -v -timeout 60m ./services/app/chaos ./services/app/chaos/push

lint: vet $(TOOLS)/buf
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "not formatted by gofmt:"; echo "$$unformatted"; exit 1; fi
	$(TOOLS)/buf lint

generate: tools
	PATH="$(TOOLS):$$PATH" $(TOOLS)/buf generate

# Generates into an empty directory and compares: code that differs, is missing, or stands for no .proto fails.
check-generate: tools
	@set -e; fresh=$$(mktemp -d); trap 'rm -rf "$$fresh"' EXIT; \
	PATH="$(TOOLS):$$PATH" $(TOOLS)/buf generate -o "$$fresh"; \
	diff -r -q -x '*.proto' -x '*_test.go' -x doc.go -x access.go -x buf proto "$$fresh/proto" || \
	{ echo 'the generated code is not that of proto/: run make generate'; exit 1; }

docs:
	WANTGO_REWRITE=1 $(GO) test ./services/app -run '^TestReadme$$'

.PHONY: compiler tools
compiler:
	@command -v $(or $(CC),cc) >/dev/null || { echo 'a C compiler is needed: apt install gcc (Debian), xcode-select --install (macOS)'; exit 1; }

tools: $(TOOLS)/buf $(TOOLS)/protoc-gen-go $(TOOLS)/protoc-gen-go-grpc

$(TOOLS)/buf:
	GOBIN=$(TOOLS) $(GO) install github.com/bufbuild/buf/cmd/buf@$(BUF_VERSION)

$(TOOLS)/protoc-gen-go:
	GOBIN=$(TOOLS) $(GO) install google.golang.org/protobuf/cmd/protoc-gen-go@$(PROTOC_GEN_GO_VERSION)

$(TOOLS)/protoc-gen-go-grpc:
	GOBIN=$(TOOLS) $(GO) install google.golang.org/grpc/cmd/protoc-gen-go-grpc@$(PROTOC_GEN_GO_GRPC_VERSION)
