package main

import (
	"fmt"
	"os"

	"kassavalv/internal/app"
	"kassavalv/internal/shop/content"
)

type initCmd struct {
	URL        string `help:"The address buyers will use." placeholder:"https://shop.example"`
	Owner      string `help:"Mail address of the first owner." required:"" placeholder:"MAIL"`
	Name       string `help:"Company name." required:""`
	OrgNumber  string `help:"Organisation number." required:"" placeholder:"NNNNNN-NNNN"`
	VATNumber  string `help:"VAT number." placeholder:"SE…01"`
	Street     string `help:"Street address." required:""`
	PostalCode string `help:"Postal code." required:""`
	City       string `help:"City." required:""`
	Mail       string `help:"Mail address of the shop." required:""`
	Phone      string `help:"Phone number of the shop." required:""`
	Hours      string `help:"When somebody answers, in Swedish." default:"Vi svarar vardagar kl. 9–16"`
	HoursEN    string `name:"hours-en" help:"The same in English." default:"We answer on weekdays 9:00–16:00"`
}

// Help is the example under --help.
func (initCmd) Help() string {
	return `Example: kassavalv init --url https://shop.example --owner owner@shop.example --name "Exempel AB" --org-number 559999-0016 --street "Storgatan 1" --postal-code "111 22" --city Stockholm --mail info@shop.example --phone 031-3900600`
}

func (c *initCmd) Run(e env) error {
	dir := e.dir("./kassavalv-data")
	made, err := app.Init(e.ctx, dir, app.InitOptions{PublicURL: c.URL, Owner: c.Owner, Company: content.CompanyFacts{Name: c.Name, OrgNumber: c.OrgNumber, VATNumber: c.VATNumber,
		Street: c.Street, PostalCode: c.PostalCode, City: c.City, Country: "SE", Shop: c.Name, Seat: c.City, Mail: c.Mail, Phone: c.Phone, HoursSV: c.Hours, HoursEN: c.HoursEN}}, e.log)
	if err != nil {
		return err
	}
	fmt.Printf("A new shop is in %s.\n\nKeep the folder %s/keys safe and apart from the database: without it nothing sealed can be read.\n\nThe first owner signs up here, once the shop is running:\n\n  %s\n\n", dir, dir, made.Link)
	printPaper(os.Stdout, made.Paper)
	fmt.Printf("\nNext: put a certificate where kassavalv.toml says, name two places for copies (copies.sites), then: kassavalv serve --data %s\n", dir)
	return nil
}
