//go:build race

package twin_test

// raced says that the race detector makes everything several times as slow.
const raced = true
