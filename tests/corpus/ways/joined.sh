#!/bin/sh
suffix=
docker run -v "/var/run/docker${suffix}.sock:/var/run/engine" alpine
NAME=containerd
ctr --address "/host/run/${NAME}.sock" containers ls
