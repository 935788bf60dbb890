"""Names, streets and titles of our own choosing, from which worlds and variations are drawn."""

_FIRST = """
Adela Amara Anouk Anselm Arun Astrid Aurel Basil Beatriz Benoit Bilal Bram Brigid Callum Camila Cedric Chidi
Clara Corin Dalia Damaris Dario Delphine Dmitri Edda Eino Elif Eloise Emeka Enzo Esra Fabian Farah Fergus
Fiona Flora Gareth Gemma Gideon Greta Hamza Hanako Harriet Hedda Hiroshi Ibrahim Idris Ilse Imogen Ines Ingrid
Isamu Jada Jarek Jolanda Jonas Juno Kamal Katya Keir Kenji Kirsten Laila Lars Leonie Linnea Lorcan Lucia
Magnus Malik Marisol Mateo Mei Milan Minna Moira Nadia Naoki Neve Niamh Nikolai Noor Odette Olga Omar Orla
Oscar Paloma Pavel Petra Priya Quentin Rafael Ragna Ramona Renata Rohan Rosalind Rufus Sabine Sanjay Selma
Sibyl Silas Soren Tamsin Tariq Theodora Tobias Ulrika Ursula Valentin Vera Viktor Wanda Willem Xenia Yara
Yusra Zelda Zoltan
"""
FIRST_NAMES = tuple(_FIRST.split())

_LAST = """
Abernathy Achebe Adeyemi Alvarado Ashdown Bajwa Banerjee Barlow Beckett Bellweather Bergstrom Blackwood
Boateng Brandt Calloway Carvalho Castellano Chaudhry Cordova Dalgaard Delacroix Demir Desrosiers Dragomir
Drummond Eklund Esposito Fairbanks Falkner Farrow Fitzroy Fontaine Galbraith Gallegos Grimaldi Gupta Haddad
Halloran Hargreaves Hashimoto Hawthorne Hoffmann Holmberg Ibarra Iwasaki Janssen Jovanovic Kaplan Karlsson
Kimura Kowalczyk Kruger Lachance Lindqvist Lockwood Lombardi Mahoney Marchetti Mbeki Mendonca Merriweather
Mirza Moravec Nakagawa Ndiaye Novak Nyberg Obrecht Okafor Olivares Ostrowski Paquette Pemberton Petrov
Pfeiffer Quintero Rahman Ravenscroft Redfern Reinholt Rosetti Rutherford Saarinen Salcedo Satterfield
Schreiber Shapiro Sokolov Sorensen Stavros Strand Sundaram Szabo Tanaka Thackeray Thorvald Underhill Valdez
Vandermeer Venkatesan Villanueva Vogel Wainwright Weatherby Whitlock Winterbourne Wolanski Yamashiro Yilmaz
Zamora Zielinski
"""
LAST_NAMES = tuple(_LAST.split())

STREETS = (
    "Alder Street",
    "Bakers Row",
    "Canal Walk",
    "Dovecote Lane",
    "Elm Terrace",
    "Ferry Road",
    "Glasshouse Yard",
    "Harbour View",
    "Ivy Court",
    "Juniper Close",
    "Kiln Hill",
    "Lantern Street",
)

CITIES = ("Westhaven", "Marlow Bridge", "Northquay", "Penbrook", "Saltmere")

MAIL_HOSTS = ("post.example", "mail.example", "inbox.example")

TITLE_ADJECTIVES = (
    "Quiet",
    "Borrowed",
    "Distant",
    "Paper",
    "Northern",
    "Unfinished",
    "Amber",
    "Hollow",
    "Patient",
    "Salt",
    "Winter",
    "Crooked",
    "Silver",
    "Forgotten",
    "Wandering",
    "Second",
)

TITLE_NOUNS = (
    "Orchard",
    "Lighthouse",
    "Cartographer",
    "Harbour",
    "Clockmaker",
    "Garden",
    "Archive",
    "Ferryman",
    "Tide",
    "Observatory",
    "Kitchen",
    "Railway",
    "Beekeeper",
    "Meadow",
    "Atlas",
    "Letters",
)

SUBJECTS = ("history", "mystery", "gardening", "travel", "science", "cooking", "poetry", "adventure")
