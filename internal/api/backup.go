package api

import (
	"errors"
	"io/fs"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/openhqm/openhqm/client"
	"github.com/openhqm/openhqm/internal/reply"
	"github.com/openhqm/openhqm/queue"
)

// backup copies the store into a directory of the server. It takes as long as copying all large bodies does.
func (a *Admin) backup(w http.ResponseWriter, r *http.Request, _ vars) {
	dir, err := readBackup(r)
	if err != nil {
		a.o.Replies.Error(w, r, err)
		return
	}
	done, err := a.o.Broker.Backup(r.Context(), dir)
	if err != nil {
		a.o.Replies.Error(w, r, placeProblem(dir, err))
		return
	}
	a.json(w, r, client.Backup{Dir: dir, Bodies: done.Bodies, BodyBytes: done.BodyBytes})
}

// readBackup reads the directory from the body or the query.
func readBackup(r *http.Request) (string, error) {
	var in client.BackupRequest
	if err := readBody(r, &in); err != nil {
		return "", err
	}
	asked := r.URL.Query().Get("dir")
	dir := in.Dir
	if dir == "" {
		dir = asked
	}
	switch {
	case dir == "":
		return "", reply.NewProblem(reply.KindBadParameter, "name the directory on the server that the copy is written to, as dir in the body or the query")
	case asked != "" && asked != dir:
		return "", reply.NewProblem(reply.KindBadParameter, "the body and the query name different directories as dir; one backup is made")
	case !filepath.IsAbs(dir):
		return "", badParameter("dir", dir, "want an absolute path on the server")
	}
	return filepath.Clean(dir), nil
}

// placeProblem says that a refused place is the caller's parameter.
func placeProblem(dir string, err error) error {
	why := strings.TrimPrefix(err.Error(), queue.ErrInvalid.Error()+": ")
	for _, refused := range []error{fs.ErrPermission, syscall.ENOSPC, syscall.EROFS, syscall.ENOTDIR} {
		if errors.Is(err, refused) {
			return badParameter("dir", dir, why+"; choose a directory that the server may write to, with room for a copy")
		}
	}
	if errors.Is(err, queue.ErrInvalid) {
		return badParameter("dir", dir, why)
	}
	return err
}
