package s3

import (
	"context"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"kassavalv/internal/ops/copies"
	"kassavalv/internal/ops/copies/s3/s3test"
	"kassavalv/internal/ops/copies/sitetest"
	"kassavalv/internal/secret"
)

func options(url, bucket string) Options {
	return Options{Name: "store", Location: "Luleå", Provider: "versity", Endpoint: url, Region: s3test.Region, Bucket: bucket, Prefix: "shop/one",
		AccessKey: secret.Hide(s3test.Access), SecretKey: secret.Hide(s3test.Secret)}
}

func open(t *testing.T, o Options) *Site {
	t.Helper()
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return s.(*Site)
}

// versions counts the versions of an object beside the current one, whoever made them.
func versions(srv *s3test.Server) func(*testing.T, copies.Site, string) int {
	return func(t *testing.T, s copies.Site, name string) (n int) {
		for v := range srv.Client(t).ListObjectsIter(context.Background(), s.(*Site).o.bucket, minio.ListObjectsOptions{Prefix: s.(*Site).o.prefix + name, Recursive: true, WithVersions: true}) {
			if v.Err != nil {
				t.Error(v.Err)
				return
			}
			if !v.IsLatest {
				n++
			}
		}
		return n
	}
}

func TestSuite(t *testing.T) {
	for _, c := range []struct {
		name           string
		versions, lock bool
	}{{"plain", false, false}, {"versions and lock", true, true}} {
		t.Run(c.name, func(t *testing.T) {
			srv := s3test.Start(t, s3test.Options{Versions: c.versions})
			k := sitetest.Kind{
				Secrets: []string{s3test.Secret},
				Open: func(t *testing.T) copies.Site {
					o := options(srv.URL, srv.Bucket(t, c.lock))
					if c.lock {
						// As of the retention of the shop, but what the suite removes is not locked.
						o.Retain = func(string) time.Duration { return 0 }
					}
					return open(t, o)
				},
				Again: func(t *testing.T, s copies.Site) copies.Site { return open(t, options(srv.URL, s.(*Site).o.bucket)) },
			}
			if c.versions {
				k.Earlier = versions(srv)
			}
			// In a group, so that the server outlives the parallel cases.
			t.Run("site", k.Run)
		})
	}
}
