package config

// Routing is the Python version's routing.
type Routing struct {
	// Routing by rules. Only `false` is accepted in this version.
	Enabled Off `yaml:"enabled" why:"routing by rules"`
	// File of the rules.
	ConfigPath Ignored `yaml:"config_path" why:"routing is not enabled"`
	// The rules themselves.
	ConfigDict Ignored `yaml:"config_dict" why:"routing is not enabled"`
}

// Partitioning is the Python version's partitioning.
type Partitioning struct {
	// Order by partition. Only `false` is accepted in this version.
	Enabled Off `yaml:"enabled" why:"partitioning"`
	// How a partition was chosen.
	Strategy Ignored `yaml:"strategy" why:"partitioning is not enabled"`
	// Number of partitions.
	PartitionCount Ignored `yaml:"partition_count" why:"partitioning is not enabled"`
	// Field whose value chose the partition.
	PartitionKeyField Ignored `yaml:"partition_key_field" why:"partitioning is not enabled"`
	// Field that bound a session to a partition.
	SessionKeyField Ignored `yaml:"session_key_field" why:"partitioning is not enabled"`
}
