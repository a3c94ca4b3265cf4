package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/openhqm/openhqm/test/chaos/history"
)

const (
	smallDisk = "size=384m"
	// leaveFree is what a full disk has left: less than the product's low-water mark, enough for what runs.
	leaveFree = 8 << 20
	// refusals are how many submits have to be refused for the disk to have been full.
	refusals = 20
)

// mountSmall mounts a small file system, and returns what unmounts it.
func mountSmall(dir string) (unmount func(), err error) {
	if err := syscall.Mount("chaos", dir, "tmpfs", 0, smallDisk); err != nil {
		return nil, fmt.Errorf("mount a tmpfs on %s: %w", dir, err)
	}
	return func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			fmt.Printf("  unmount %s: %v\n", dir, err)
		}
	}, nil
}

// fillDisk fills the disk, waits until submits are refused for it, and makes room again.
func (r *run) fillDisk() error {
	before := r.producer.disk.Load()
	over := r.faults.begin(history.Disk, r.service.inFlight.Load())
	filler := filepath.Join(r.place, "filler")
	if err := fill(filler); err != nil {
		return err
	}
	if err := r.refused(before + refusals); err != nil {
		return err
	}
	// Nothing was freed: it has to start with what is left, and to go on refusing.
	if err := r.killFull(); err != nil {
		return err
	}
	more := filler + "-more" // a start gives room back
	if err := fill(more); err != nil {
		return err
	}
	if err := r.refused(r.producer.disk.Load() + refusals); err != nil {
		return err
	}
	if err := errors.Join(os.Remove(filler), os.Remove(more)); err != nil {
		return err
	}
	over()
	return nil
}

// refused waits until so many submits were refused.
func (r *run) refused(n int64) error {
	for wait := patient(20 * time.Second); r.producer.disk.Load() < n; time.Sleep(10 * time.Millisecond) {
		if wait.over() {
			return errors.New("submits are not refused within 20 s")
		}
	}
	return nil
}

// fill writes a file until only leaveFree bytes are free beside it.
func fill(path string) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	chunk := make([]byte, 1<<20)
	for {
		var fs syscall.Statfs_t
		if err := syscall.Statfs(path, &fs); err != nil {
			return err
		}
		free := int64(fs.Bavail) * fs.Bsize
		if free <= leaveFree {
			return nil
		}
		if _, err := file.Write(chunk[:min(free-leaveFree, int64(len(chunk)))]); err != nil {
			return err
		}
	}
}
