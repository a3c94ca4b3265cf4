# The image is the static binary and an empty data directory that its user owns.
# Build it with `make image`, which compiles the binary first.
#
#   run:      docker run -p 8000:8000 -v openhqm:/data openhqm serve --endpoint http://app:8080
#   operate:  docker exec CONTAINER /openhqm queue list
#
# There is no shell inside, and no certificate bundle: the binary carries the
# Mozilla roots and prefers the host's if /etc/ssl/certs is mounted.
FROM scratch
COPY bin/openhqm /openhqm
COPY --chown=65532:65532 bin/image-root/data /data
ENV OPENHQM_QUEUE__EMBEDDED__DIR=/data
USER 65532:65532
VOLUME /data
EXPOSE 8000 8001
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s CMD ["/openhqm", "healthcheck"]
ENTRYPOINT ["/openhqm"]
CMD ["serve"]
