# syntax=docker/dockerfile:1
# A small image with the one binary, run as an unprivileged user. Its only other content is the certificates that
# HTTPS needs (time zones are in the binary), so there is no base image that could change.
FROM golang:1.26.8-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
# Includes .git: the Go tool records the commit, which becomes part of the version.
COPY . .
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 go build -trimpath -buildvcs=true -ldflags "-s -w" -o /etfcast ./cmd/etfcast

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /etfcast /etfcast
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/etfcast"]
CMD ["help"]
