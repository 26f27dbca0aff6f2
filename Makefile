# Two commands are all a stranger needs:
#   make run     a complete shop on this machine, sample goods in it
#   make test    everything that decides
export CGO_ENABLED ?= 0
BIN := .cache/kassavalv

.PHONY: run build test lint race bench generate fuzz torture test-outside

run:
	go run ./cmd/kassavalv demo

build:
	go build -trimpath -o $(BIN) ./cmd/kassavalv

test:
	bash test/scripts/test.sh

lint:
	bash test/scripts/lint.sh

bench: build
	go run ./bench -program $(BIN)

# Templates and drawn pictures are committed; this makes them anew.
generate:
	go run github.com/a-h/templ/cmd/templ@v0.3.977 generate
	go generate ./internal/demo/goods/...

fuzz:
	bash test/scripts/fuzz.sh $(or $(SECONDS_EACH),20)

# The proofs (docs/proofs.md) in turns for MINUTES, after every broken program has been caught.
torture:
	bash test/scripts/torture.sh $(or $(MINUTES),60)

# Judges that are not ours look at the running shop.
test-outside:
	bash test/scripts/outside.sh
