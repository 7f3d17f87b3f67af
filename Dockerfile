# An image with the program, what it links to and the certificates of public authorities; it runs as a user without
# rights. `docker build -t backfill .` takes as long as a release build.
#
#   docker run --rm -v "$PWD:/project" -e DATABASE_URL -e AWS_ACCESS_KEY_ID -e AWS_SECRET_ACCESS_KEY backfill plan …

FROM rust:1.95.0-bookworm AS build
WORKDIR /src
COPY . .
# `--build-arg FEATURES=demo` for an image that has `backfill demo` too.
ARG FEATURES=""
ARG PROFILE=dist
RUN cargo install --locked --path . --root /out --profile "$PROFILE" --no-default-features --features "$FEATURES"

# glibc, libgcc and certificates of the same Debian; no shell.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /out/bin/backfill /usr/local/bin/backfill
COPY LICENSE /usr/share/doc/backfill/LICENSE
USER 65532:65532
WORKDIR /project
ENTRYPOINT ["/usr/local/bin/backfill"]
CMD ["--help"]
