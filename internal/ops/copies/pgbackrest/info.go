package pgbackrest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"kassavalv/internal/ops/copies/walarchive"
)

// Backup is one backup in a repository.
type Backup struct {
	Repo  int // from 1
	Label string
	Type  string // full, diff or incr
	Begun time.Time
	Done  time.Time
	Size  int64 // of the database
	Kept  int64 // bytes in the repository
	Wrong bool  // pages were found damaged when it was taken
}

// Info is what pgBackRest tells of its repositories.
type Info struct {
	Backups []Backup // of all repositories, oldest first
	Min     map[int]string
	Max     map[int]string // newest piece of the log, by repository
	Trouble map[int]string
	Cause   map[int]string // of the trouble, by walarchive's words
}

// ErrNoStanza is returned where pgBackRest knows nothing of the server.
var ErrNoStanza = errors.New("it is not set up yet")

// causes are pgBackRest's numbers for how a repository stands (its info.c) of which more is known than that something is wrong: the
// server's folder is missing there, there is no backup, the folder is there without what tells of the server.
var causes = map[int]string{1: walarchive.Stanza, 2: walarchive.Full, 3: walarchive.Stanza}

// Info asks pgBackRest. It reads the repositories, so it may take a while.
func (t *Tool) Info(ctx context.Context) (Info, error) {
	out, err := t.run(ctx, "info", "--output=json")
	if err != nil {
		return Info{}, err
	}
	return parseInfo(out, t.Stanza)
}

func parseInfo(out []byte, stanza string) (Info, error) {
	type database struct {
		Repo int `json:"repo-key"`
	}
	var said []struct {
		Name    string `json:"name"`
		Archive []struct {
			Database database `json:"database"`
			Min      string   `json:"min"`
			Max      string   `json:"max"`
		} `json:"archive"`
		Backup []struct {
			Database database `json:"database"`
			Error    *bool    `json:"error"`
			Info     struct {
				Size       int64 `json:"size"`
				Repository struct {
					Delta int64 `json:"delta"`
				} `json:"repository"`
			} `json:"info"`
			Label string `json:"label"`
			Time  struct {
				Start int64 `json:"start"`
				Stop  int64 `json:"stop"`
			} `json:"timestamp"`
			Type string `json:"type"`
		} `json:"backup"`
		Repo []struct {
			Key    int `json:"key"`
			Status struct {
				Code    int    `json:"code"`
				Message string `json:"message"`
			} `json:"status"`
		} `json:"repo"`
	}
	if err := json.Unmarshal(out, &said); err != nil {
		return Info{}, fmt.Errorf("what pgbackrest info tells cannot be read: %w", err)
	}
	in := Info{Min: map[int]string{}, Max: map[int]string{}, Trouble: map[int]string{}, Cause: map[int]string{}}
	for _, s := range said {
		if s.Name != stanza {
			continue
		}
		for _, a := range s.Archive {
			// A server that was upgraded has one row for each life; names rise through all of them.
			if in.Max[a.Database.Repo] < a.Max {
				in.Min[a.Database.Repo], in.Max[a.Database.Repo] = a.Min, a.Max
			}
		}
		for _, b := range s.Backup {
			in.Backups = append(in.Backups, Backup{Repo: b.Database.Repo, Label: b.Label, Type: b.Type, Begun: time.Unix(b.Time.Start, 0).UTC(), Done: time.Unix(b.Time.Stop, 0).UTC(),
				Size: b.Info.Size, Kept: b.Info.Repository.Delta, Wrong: b.Error != nil && *b.Error})
		}
		for _, r := range s.Repo {
			if r.Status.Code != 0 {
				in.Trouble[r.Key], in.Cause[r.Key] = r.Status.Message, causes[r.Status.Code]
			}
		}
		return in, nil
	}
	return in, fmt.Errorf("pgbackrest knows no stanza %s: %w", stanza, ErrNoStanza)
}

// Report looks at all repositories of conf. What could not be looked at is the trouble of each.
func (t *Tool) Report(ctx context.Context, conf Conf) (r walarchive.Report, info Info) {
	r.At = time.Now().UTC()
	info, err := t.Info(ctx)
	for i, repo := range conf.Repos {
		n := i + 1
		x := walarchive.Repo{Name: repo.Name, Kind: repo.Kind, Where: repo.Where(), Host: repo.Endpoint, Location: repo.Location, Provider: repo.Provider, Log: info.Max[n], Trouble: info.Trouble[n], Cause: info.Cause[n]}
		if err != nil {
			x.Trouble = err.Error()
		}
		if errors.Is(err, ErrNoStanza) {
			x.Cause = walarchive.Stanza
		}
		for _, b := range info.Backups {
			if b.Repo != n {
				continue
			}
			x.Backups++
			x.Bytes += b.Kept
			if b.Done.After(x.Newest) {
				x.Newest = b.Done
			}
			if b.Type == "full" && b.Done.After(x.Full) {
				x.Full = b.Done
			}
		}
		r.Repos = append(r.Repos, x)
	}
	return r, info
}
