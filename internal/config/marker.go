package config

// Ignored marks a key that a user of the Python version may have set and that needs no counterpart here. It is accepted
// with any value, and a note says so. It holds nothing, so that no code can depend on it.
type Ignored struct{}

// Unsupported marks a key, or a whole section, whose effect this version does not have. Setting it is an error.
type Unsupported struct{}

// Off marks a switch of a feature this version does not have: false is accepted, true is an error.
type Off struct{}
