package client

// BackupRequest says where a running server copies its store to.
type BackupRequest struct {
	Dir string `json:"dir,omitempty"` // absolute path on the server; empty or absent there
}

// Backup is what was copied.
type Backup struct {
	Dir       string `json:"dir"`
	Bodies    int64  `json:"bodies"`     // files of large bodies
	BodyBytes int64  `json:"body_bytes"` // in them
}
