package queue

import "context"

// uploads is a store's place for bodies as requests see it: what they take must leave room for the results of what runs
// (R11), or a call that was answered would end as one whose outcome is unknown.
type uploads struct {
	BodyStore
	room func() error
}

// CreateBody begins a staged body, or refuses it.
func (u uploads) CreateBody(ctx context.Context) (BodyWriter, error) {
	if err := u.room(); err != nil {
		return nil, err
	}
	w, err := u.BodyStore.CreateBody(ctx)
	if err != nil {
		return nil, err
	}
	return upload{w, u.room}, nil
}

// upload is a body on its way in.
type upload struct {
	BodyWriter
	room func() error
}

// Write writes while there is room.
func (u upload) Write(p []byte) (int, error) {
	if err := u.room(); err != nil {
		return 0, err
	}
	return u.BodyWriter.Write(p)
}
