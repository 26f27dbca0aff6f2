// Package app puts the house together: it reads the configuration, opens the
// database and the vault, builds the rooms and the faces, opens the listeners,
// and stops everything in order. It is the only package that knows everything;
// it holds no rules of trade.
package app
