#!/usr/bin/env bash
# usage: build-servers.sh <folder>: puts kube-apiserver and etcd there, built from the Go module proxy.
set -euo pipefail
kubernetes=${KUBERNETES_VERSION:-v1.37.2}
etcd=${ETCD_VERSION:-v3.6.16}
folder=$(mkdir -p "$1" && cd "$1" && pwd)
work=$(mktemp -d)
trap 'chmod -R u+w "$work" && rm -rf "$work"' EXIT
export GOWORK=off GOFLAGS=-mod=mod

# Its own go.mod is the main module's, whose staging folders are not in the module: their releases take their place.
source=$(go mod download -json "k8s.io/kubernetes@$kubernetes" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
cp -r "$source" "$work/kubernetes" && chmod -R u+w "$work/kubernetes" && cd "$work/kubernetes"
rm -f go.work go.work.sum
for module in $(sed -nE 's/^\t(k8s\.io\/[a-z0-9-]+) v0\.0\.0$/\1/p' go.mod); do
  go mod edit -replace="$module=$module@v0${kubernetes#v1}"
done
for module in $(sed -nE 's/^\t(k8s\.io\/[a-z0-9-]+) => \.\/staging.*$/\1/p' go.mod); do
  go mod edit -replace="$module=$module@v0${kubernetes#v1}"
done
go build -ldflags="-s -w -X k8s.io/component-base/version.gitVersion=$kubernetes" -o "$folder/kube-apiserver" ./cmd/kube-apiserver

mkdir "$work/etcd" && cd "$work/etcd"
go mod init local/etcd
go get "go.etcd.io/etcd/server/v3@$etcd"
cat >main.go <<'GO'
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() { etcdmain.Main(os.Args) }
GO
go mod tidy
go build -ldflags="-s -w" -o "$folder/etcd" .
echo "RETRAIN_KUBE_APISERVER=$folder/kube-apiserver RETRAIN_ETCD=$folder/etcd npm run test:kubernetes"
