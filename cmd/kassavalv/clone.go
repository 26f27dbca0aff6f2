package main

import (
	"encoding/json"
	"fmt"
	"os"

	"kassavalv/internal/app"
	"kassavalv/internal/secret"
)

type cloneCmd struct {
	To         string `help:"The folder that the clone comes to lie in. It must not be there, or be empty." required:"" placeholder:"DIR"`
	ToDatabase string `help:"Keep the clone's data in this PostgreSQL database, which must be there and be empty; else they lie in the folder." placeholder:"URL" env:"CLONE_DATABASE_URL"`
	URL        string `name:"url" help:"The address of the clone." placeholder:"https://localhost:9443"`
}

// Help is the example under --help.
func (cloneCmd) Help() string {
	return `A clone has the goods, orders, stock and books of the shop, and nobody in it who could be known: names, addresses and texts are replaced, what people sign in with is gone, and it has keys of its own. Its money is the sandbox bank's, and its letters stay in a mailbox. The shop may run meanwhile.

Example: kassavalv clone --data /var/lib/kassavalv --to staging, then kassavalv serve --data staging`
}

func (c *cloneCmd) Run(e env) error {
	out, err := app.Clone(e.ctx, e.dir("./kassavalv-data"), app.CloneOptions{To: c.To, URL: c.URL, Database: secret.Hide(c.ToDatabase)}, e.log)
	if err != nil {
		return err
	}
	if e.json {
		return json.NewEncoder(os.Stdout).Encode(out)
	}
	in := out.Folder
	if out.Database != "" {
		in += ", with its data in " + out.Database
	}
	fmt.Printf("A clone of the shop is in %s: %d rows of %d tables, %d pictures, and %d people, every one of them invented.\n\nOpen it:\n\n  kassavalv serve --data %s\n\nIt says there where its mailbox and its bank are. Its owner signs up here, once it is open:\n\n  %s\n",
		in, out.Rows, out.Tables, out.Files, out.Persons, out.Folder, out.Link)
	return nil
}
