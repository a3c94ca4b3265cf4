package config

// Durability is what the queue must promise before a request is accepted.
const (
	DurabilityAny    = "any"    // start on whatever the backend gives; each 202 states it
	DurabilityStrict = "strict" // refuse to start on less than disk or replicated
)

// Queue is the queue backend and its limits.
type Queue struct {
	// Queue backend: `embedded` on local disk, or `redis`, `kafka`, `sqs`, or a name the binary was built with. Default:
	// `redis` when `queue.redis_url` or `queue.redis.addrs` is set, else `embedded`.
	Type string `yaml:"type"`
	// The backend on local disk. One process owns it.
	Embedded Embedded `yaml:"embedded"`
	// Short for `queue.redis` with one address: `redis://[user:password@]host:port[/database]`, `rediss://` for TLS.
	// With `queue.type: redis` and neither set: `redis://localhost:6379`.
	RedisURL URL `yaml:"redis_url"`
	// The Redis backend, when one URL does not say it.
	Redis Redis `yaml:"redis"`
	// Level to insist on. `any` starts on whatever the place gives and states it in each 202 (OpenHQM-Durability).
	// `strict` refuses to start on less than disk or replicated.
	Durability string `yaml:"durability" enum:"any|strict"`
	// Unfinished messages at most. Beyond it submits are answered 503 with Retry-After.
	MaxMessages int64 `yaml:"max_messages" min:"1"`
	// Bytes of unfinished messages at most. Beyond it submits are answered 503 with Retry-After.
	MaxBytes Size `yaml:"max_bytes" min:"1MiB"`
	// How long a message may stay unfinished. Then it ends TIMEOUT.
	MaxAge Duration `yaml:"max_age" min:"1s" live:"true"`
	// How long a FAILED message stays in the dead letter queue. 0 keeps it until it is purged.
	DeadRetention Duration `yaml:"dead_retention" live:"true"`

	// Name of the request queue in the Python version.
	RequestQueueName Ignored `yaml:"request_queue_name" why:"queues are named after their endpoints"`
	// Name of the response queue in the Python version.
	ResponseQueueName Ignored `yaml:"response_queue_name" why:"a result is stored with its request"`
	// Name of the dead letter queue in the Python version.
	DLQName Ignored `yaml:"dlq_name" why:"a dead letter stays in the queue it came from"`
	// Brokers of the Python version's Kafka backend.
	KafkaBootstrapServers Ignored `yaml:"kafka_bootstrap_servers" why:"this version has no Kafka backend"`
	// Consumer group of the Python version's Kafka backend.
	KafkaConsumerGroup Ignored `yaml:"kafka_consumer_group" why:"this version has no Kafka backend"`
	// Topics of the Python version's Kafka backend.
	KafkaTopics Ignored `yaml:"kafka_topics" why:"this version has no Kafka backend"`
	// Region of the Python version's SQS backend.
	SQSRegion Ignored `yaml:"sqs_region" why:"this version has no SQS backend"`
	// Queue of the Python version's SQS backend.
	SQSQueueURL Ignored `yaml:"sqs_queue_url" why:"this version has no SQS backend"`
}

// Embedded is the backend on local disk.
type Embedded struct {
	// Directory of the store, made when it is missing. A relative path starts at the working directory; start-up prints the
	// absolute one.
	Dir string `yaml:"dir"`
	// Low-water mark of the disk: with less space free than this, submits are answered 503 while running work finishes. What
	// waits is delivered only while its answer, which may take `proxy.max_response_size`, has room; while the disk is above the
	// mark, one call at a time always is.
	MinFree Size `yaml:"min_free" min:"16MiB"`
}

// RedisSingle is one server, the mode that is supported.
const RedisSingle = "single"

// Redis is the Redis backend.
type Redis struct {
	// Addresses as `host:port`: the server, the sentinels, or some nodes of the cluster.
	Addrs []string `yaml:"addrs"`
	// How the addresses are to be understood. This version supports `single`.
	Mode string `yaml:"mode" enum:"single|sentinel|cluster"`
	// Name of the master that the sentinels watch. Needed for `mode: sentinel`.
	Master string `yaml:"master"`
	// Shards the messages are spread over. Fixed when the store is first used. This version supports one.
	Shards int `yaml:"shards" min:"1" max:"4096"`
	// Beginning of every key, so that several queues share a server. Processes with the same one share a queue.
	Prefix string `yaml:"prefix"`
}

// Cache is how long results are kept.
type Cache struct {
	// How long a result stays readable, counted from completion.
	TTL Duration `yaml:"ttl_seconds" min:"1s" live:"true"`
	// Kind of the Python version's result cache.
	Type Ignored `yaml:"type" why:"results are stored with the queue"`
	// Address of the Python version's result cache.
	RedisURL Ignored `yaml:"redis_url" why:"results are stored with the queue"`
	// Pool size of the Python version's result cache.
	MaxConnections Ignored `yaml:"max_connections" why:"results are stored with the queue"`
}

// Worker is the pool that delivers messages.
type Worker struct {
	// Messages that one process works on at once. Limits of an endpoint hold across all processes and come on top.
	Concurrency int `yaml:"concurrency" min:"1" max:"100000"`
	// How long one attempt may take, answer body included. An endpoint's `timeout` and a submit's `metadata.timeout` override it.
	Timeout Duration `yaml:"timeout_seconds" min:"10ms" live:"true"`
	// Attempts after the first. An endpoint's `max_retries` overrides it. What was provably not sent, a 429, and a 503 with
	// Retry-After cost no attempt; `queue.max_age` ends those.
	MaxRetries int `yaml:"max_retries" min:"0" max:"1000" live:"true"`
	// Delay before the first retry. It doubles with each further one; the actual delay is drawn from zero up to it.
	RetryDelayBase Duration `yaml:"retry_delay_base" min:"1ms" live:"true"`
	// Longest delay before a retry.
	RetryDelayMax Duration `yaml:"retry_delay_max" min:"1ms" live:"true"`
	// How long a worker owns a message without renewing. Renewed at a third; after a crash the message waits at most this long.
	Lease Duration `yaml:"lease" min:"1s" max:"1h"`
	// How long calls in flight may go on after SIGTERM, `drain_lag` included. What has not been sent then goes back to the
	// queue. Keep it below the pod's terminationGracePeriodSeconds.
	Grace Duration `yaml:"grace"`
	// How long after SIGTERM submits are still accepted, until load balancers have seen that the process is not ready.
	// SIGINT (Ctrl-C) leaves this out.
	DrainLag Duration `yaml:"drain_lag"`

	// Worker processes of the Python version.
	Count Ignored `yaml:"count" why:"one process works on worker.concurrency messages at once"`
	// Messages the Python version fetched at once.
	BatchSize Ignored `yaml:"batch_size" why:"a worker leases as many messages as it has free slots"`
}
