# The image of retrain. Trainers are put on top of it: see docs/kubernetes.md.
#
#   docker build -t retrain .
#
# For images that can be made again as they were, pin the base by digest:
#   docker build --build-arg NODE_IMAGE=node:20-slim@sha256:… -t retrain .
ARG NODE_IMAGE=node:20-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /src
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts
COPY tsconfig.json ./
COPY src ./src
RUN npm run build

FROM ${NODE_IMAGE}
ENV NODE_ENV=production
WORKDIR /opt/retrain
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts && npm cache clean --force
COPY schemas ./schemas
COPY infra/topology.json ./infra/topology.json
COPY --from=build /src/dist/src ./dist/src
# Readable by any user; written to by none. The working folder is that of retrain.yaml and of the trainer; the jobs that infra/ makes
# look for the file in /etc/retrain, where they may mount one of their own.
RUN chmod 755 dist/src/cli/main.js \
  && ln -s /opt/retrain/dist/src/cli/main.js /usr/local/bin/retrain \
  && mkdir /work /etc/retrain && chown node:node /work /etc/retrain
WORKDIR /work
# The user `node` of the base image, as a number, so that Kubernetes can see that it is not root.
USER 1000:1000
ENTRYPOINT ["retrain"]
