package kms

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	awskms "github.com/aws/aws-sdk-go-v2/service/kms"

	"kassavalv/internal/secret"
	"kassavalv/internal/secret/keepertest"
	"kassavalv/internal/secret/kms/kmstest"
)

func client(t *testing.T, s *kmstest.Server, key string) *Client {
	t.Helper()
	c, err := New(context.Background(), Options{Key: key, Region: kmstest.Region, Endpoint: s.URL})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestKeeper(t *testing.T) {
	s := kmstest.Start(t)
	fresh := func(t *testing.T, dir string) secret.Keeper {
		k, err := secret.CreateWrapped(dir, client(t, s, s.Key))
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	keepertest.Run(t, fresh)
	keepertest.RunWrapped(t, fresh, func(t *testing.T) func() {
		s.Stop()
		return func() {
			if err := s.Open(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// The name is bound by KMS itself, and a key of the shop is never taken for destroyed because
// of what can be undone: a disabled KMS key, one that waits for its deletion, a wrong one.
func TestBoundAndNeverMistaken(t *testing.T) {
	ctx := context.Background()
	s := kmstest.Start(t)
	c := client(t, s, s.Key)
	blob, err := c.Wrap(ctx, "epoch-000001", []byte("plain"))
	if err != nil {
		t.Fatal(err)
	}
	if b, err := c.Unwrap(ctx, "epoch-000001", blob); err != nil || string(b) != "plain" {
		t.Fatal(err)
	}
	if _, err := c.Unwrap(ctx, "epoch-000002", blob); err == nil {
		t.Error("KMS opened a blob under another name")
	}
	kc := s.Client(t)
	other, err := kc.CreateKey(ctx, &awskms.CreateKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client(t, s, *other.KeyMetadata.Arn).Unwrap(ctx, "epoch-000001", blob); err == nil || errors.Is(err, secret.ErrNoKey) {
		t.Error("another KMS key:", err)
	}
	window := int32(7)
	if _, err := kc.ScheduleKeyDeletion(ctx, &awskms.ScheduleKeyDeletionInput{KeyId: &s.Key, PendingWindowInDays: &window}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Unwrap(ctx, "epoch-000001", blob); err == nil || errors.Is(err, secret.ErrNoKey) {
		t.Error("a KMS key that waits for its deletion:", err)
	}
	if _, err := kc.CancelKeyDeletion(ctx, &awskms.CancelKeyDeletionInput{KeyId: &s.Key}); err != nil {
		t.Fatal(err)
	}
	if _, err := kc.EnableKey(ctx, &awskms.EnableKeyInput{KeyId: &s.Key}); err != nil {
		t.Fatal(err)
	}
	if b, err := c.Unwrap(ctx, "epoch-000001", blob); err != nil || string(b) != "plain" {
		t.Error("after the deletion was called off:", err)
	}
}

// A service that takes the connection and says nothing is away after the stated time, tries included.
func TestSilence(t *testing.T) {
	s := kmstest.Start(t)
	k, err := secret.CreateWrapped(filepath.Join(t.TempDir(), "keys"), client(t, s, s.Key))
	if err != nil {
		t.Fatal(err)
	}
	key, _ := secret.NewKey("link", time.Now())
	if err := k.Put(context.Background(), key); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := k.Get(ctx, "link"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
