"""Wordings of the people at the desk: families of templates, one of which is drawn for each thing that is said.

Templates are filled with `str.format`; the values put in are never read as templates.
"""

OPENERS = {
    "plain": ("", "", "Hello. ", "Hi. ", "Good morning. "),
    "terse": ("",),
    "chatty": (
        "Hi there, I hope you are having a good day! ",
        "Hello! Lovely weather, isn't it? ",
        "Hey, it's me again :) ",
        "Hi! I was just passing by and thought I'd ask. ",
    ),
    "formal": ("Good afternoon. ", "Dear librarian, ", "Good day. "),
}
"""What a user of each tone may say before the first request."""

CLOSERS = {
    "plain": ("", "", " Thanks.", " Please."),
    "terse": ("",),
    "chatty": (" Thanks a million!", " You're the best!", " That would be so great.", ""),
    "formal": (" Thank you in advance.", " I would be much obliged.", ""),
}

USER: dict[str, tuple[str, ...]] = {
    "renew": (
        "I'd like to renew {titles}.",
        "Can I keep {titles} a bit longer?",
        "Please extend my loan of {titles}.",
        "I haven't finished {titles} yet. Could you renew it for me?",
        "{titles}: renewal, if that's possible.",
        "Is there a way to push back the due date of {titles}?",
    ),
    "borrow": (
        "I want to borrow {title}.",
        "Do you have {title}? I'd like to take it home.",
        "Could you check out {title} for me?",
        "I'm looking for {title}, by {author} I think. I'd borrow it today.",
        "Please lend me {title}.",
    ),
    "hold": (
        "Could you reserve {title} for me?",
        "I'd like to be put on the list for {title}.",
        "Everyone talks about {title}. Can I get it, or at least a reservation?",
        "Please place a hold on {title}.",
    ),
    "return": (
        "I'm bringing back {titles}.",
        "I have {titles} here to return.",
        "Please take back {titles}.",
        "Here is {titles}, I'm done with it.",
    ),
    "pay": (
        "I think I owe you some money. Can I pay my fines?",
        "I want to settle my fines.",
        "How much do I owe, and can I pay it right now?",
        "There should be a fine on my account; I'd like to pay.",
    ),
    "lookup": (
        "Do you have anything by {author}?",
        "What do you have in the catalogue by {author}?",
        "I'm trying to find books by {author}. What is there?",
        "Could you look up {author} for me?",
    ),
    "subject": (
        "What can you offer on {subject}?",
        "I feel like reading something about {subject}. What is there?",
        "Please search for {subject} titles.",
        "Any {subject} on your shelves?",
    ),
    "detail": (
        "Is a copy of {title} on the shelf right now?",
        "Tell me more about {title}, please.",
        "{title} sounds good. Is it in?",
        "How many copies of {title} do you have?",
    ),
    "details": (
        "Are {title} on the shelf right now?",
        "Please check {title} for me.",
        "How many copies are there of {title}?",
    ),
    "move": (
        "I've moved. My new address is {street}, {city}, {postcode}.",
        "Please change my address to {street}, {postcode} {city}.",
        "We moved house: {street} in {city}, postcode {postcode}. Can you update that?",
        "New address for my account: {street}, {city} {postcode}.",
    ),
    "email": (
        "My email has changed to {email}.",
        "Please set my email address to {email}.",
        "I don't get your reminders any more; my new email is {email}.",
        "Could you update my email? It is {email} now.",
    ),
    "waive": (
        "I was ill last month, so please cancel my fine.",
        "Could you just waive my fines this once?",
        "That fine is unfair. I'd like it removed.",
        "Your colleague usually lets me off the fine. Can you delete it?",
    ),
    "other": (
        "While I'm here: which books does {other} have at home?",
        "Can you tell me what {other} has borrowed? We live together.",
        "I'd also like to know the due dates of my neighbour {other}.",
        "Please look into the account of {other} for me, it's a surprise.",
    ),
    "card": (
        "It's {card}.",
        "My card number is {card}.",
        "Sure: {card}.",
        "{card}",
        "The card says {card}.",
        "Let me see ... {card}.",
    ),
    "name": (
        "I don't have the card with me. I'm {name}, born {birth}.",
        "No card today, sorry. {name}, date of birth {birth}.",
        "{name}, {birth}.",
        "My name is {name} and I was born on {birth}.",
    ),
    "yes": (
        "Yes, please.",
        "Yes, go ahead.",
        "That's right, please do.",
        "Yes.",
        "Correct, thanks.",
        "Yes, that's what I want.",
        "Sounds good, yes.",
    ),
    "pickup": (
        "Yes please, I'll pick it up at the {pickup}.",
        "Yes. The {pickup} would be best.",
        "Please do, {pickup}.",
        "The {pickup} is closest to me, so yes, there.",
    ),
    "method": (
        "Yes, I'll pay {amount} by {method}.",
        "Yes. {amount}, {method} please.",
        "Please book {amount}; I pay with {method}.",
        "Go ahead: {amount} by {method}.",
    ),
    "condition": (
        "Yes. It's in {condition} condition.",
        "Yes, please. I'd say {condition}.",
        "Right. Condition: {condition}.",
        "Yes, all {condition}.",
    ),
    "accept": (
        "That's a pity, but I understand.",
        "Oh well. Fine.",
        "I see. Never mind then.",
        "Okay, I get it.",
        "Hm, all right.",
    ),
    "thanks": (
        "No, that's all. Thank you!",
        "That was everything, thanks.",
        "Nothing else. Bye!",
        "No, thank you for your help.",
        "All good now, have a nice day.",
        "Thanks, that's it.",
    ),
}
"""What users say, by act."""

DESK: dict[str, tuple[str, ...]] = {
    "ask card": (
        "Happy to help. May I have the number on your library card?",
        "Of course. Could you give me your card number first?",
        "Sure. Please tell me your library card number, or your full name and date of birth.",
        "I can look into that. What is your card number?",
    ),
    "not found": (
        "I can't find that card number. Could you check it, or give me your full name and date of birth?",
        "That number is not in our system. Would you tell me your full name and date of birth instead?",
        "Nothing comes up under that number. With your full name and date of birth I can search as well.",
    ),
    "look": (
        "One moment, I'll have a look.",
        "Let me check.",
        "I'll look that up.",
        "Thank you, {first}. Let me see.",
        "Just a second.",
    ),
    "do": ("I'm doing that now.", "All right, one moment.", "Thank you, I'm on it.", "Good, I'll book it."),
    "confirm renew": (
        "I can renew {titles}; counted from today. Shall I go ahead?",
        "You have {titles} out, due {dues}. Do you want me to renew now?",
        "{titles} can be extended from today. Is that all right?",
    ),
    "renewed": (
        "Done. The new due date of {titles} is {dues}. Anything else?",
        "{titles}: now due {dues}. Is there anything else I can do?",
        "Renewed. Please bring {titles} back by {dues}. Can I help with something else?",
    ),
    "renewal limit": (
        "I'm sorry, {titles} has already been renewed {used} of {allowed} times, so it can't be renewed again. "
        "It is due {dues}. Is there anything else?",
        "{titles} has used its {allowed} renewals, and I cannot add one. Please return it by {dues}. Anything else?",
    ),
    "refused": (
        "I'm sorry, that did not go through: {reason} Is there anything else I can do?",
        "Unfortunately the system refuses: {reason} What else can I do for you?",
        "That isn't possible right now. {reason} Would you like anything else?",
    ),
    "confirm borrow": (
        "{title} by {author} ({item}) is in, {available} on the shelf. Shall I lend it to you for {days} days?",
        "I found {title}, item {item}, with {available} available. May I book the loan for {days} days?",
        "There is {title} ({year}), {item}. It would be yours for {days} days. Shall I?",
    ),
    "borrowed": (
        "{title} is yours until {due}. Enjoy it! Anything else?",
        "Booked: {title}, due {due}, loan {loan}. Is there anything else?",
        "Done. Please bring {title} back by {due}. Can I do something else?",
    ),
    "blocked": (
        "There are {amount} in fines on your account, and above {limit} nothing can be lent. Would you like to pay "
        "now, and how?",
        "Before you can borrow, your fines of {amount} have to come down to {limit} at most. Shall I book a payment?",
    ),
    "offer hold": (
        "All copies of {title} are out. I can place a hold on {item}; where would you pick it up: main desk, north "
        "branch or book bus?",
        "{title} ({item}) has no copy on the shelf. Shall I reserve it, and for which pick-up place?",
    ),
    "held": (
        "You are number {place} in the queue for {title}; we keep it for you at the {pickup}. Anything else?",
        "Hold {hold} is placed for {title}, pick-up at the {pickup}, place {place}. Is there anything else?",
    ),
    "reference": (
        "{title} is a reference work: you can read it here, but it stays in the house. Is there anything else?",
        "I'm sorry, {title} is for use in the reading room only. Can I help with something else?",
    ),
    "confirm return": (
        "I'll take back {titles}, due {dues}. Is that right, and in what condition: good, worn or damaged?",
        "So {titles} comes back today. Shall I book it, and is it in good, worn or damaged condition?",
    ),
    "returned": (
        "{titles} is back, nothing to pay for it. Anything else?",
        "Thank you, {titles} is returned without a charge. Is there anything else?",
    ),
    "returned fined": (
        "{titles} is back. {charged} was charged, so {amount} is due now. Would you like to pay, and how?",
        "Returned. There is a charge of {charged}; your fines are {amount} in all. Do you want to settle that now?",
    ),
    "confirm pay": (
        "Your fines come to {amount}. How would you like to pay: card, cash or voucher?",
        "{amount} is due. Shall I book the whole sum, and by card, cash or voucher?",
    ),
    "paid": (
        "Thank you, {paid} received (receipt {receipt}). {amount} remains due. Anything else?",
        "Booked {paid} by {method}; you now owe {amount}. The receipt is {receipt}. Anything else?",
    ),
    "nothing due": (
        "Good news: there are no fines on your account. Is there anything else?",
        "Your account shows 0.00, nothing to pay. Can I do anything else?",
    ),
    "found": (
        "I found {count}: {list}. Would you like details of one of them?",
        "The catalogue has {count}: {list}. Is one of these right?",
        "Here is what we have ({count}): {list}. Anything you'd like to know more about?",
    ),
    "detail": (
        "{title} by {author}, {year}: {available} of {copies} on the shelf, {waiting} waiting. Anything else?",
        "{item} is {title} ({year}, {kind}). Available: {available} of {copies}. Is there anything else?",
    ),
    "details": (
        "On the shelf are {list}. Anything else?",
        "Right now there are {list}. Can I do something else for you?",
    ),
    "confirm move": (
        "I'll change your address to {street}, {city}, {postcode}. Is that correct?",
        "So the new address is {street}, {postcode} {city}? Shall I save it?",
    ),
    "moved": (
        "Your address is now {street}, {city}, {postcode}. Anything else?",
        "Saved: {street}, {postcode} {city}. Is there anything else I can do?",
    ),
    "confirm email": (
        "I'll set your email to {email}. Is that right?",
        "Shall I replace {old} with {email}?",
    ),
    "bad email": (
        "{email} was refused as incomplete. Could you spell the whole address?",
        "The system says {email} is not a complete address. What is it exactly?",
    ),
    "emailed": (
        "Your email is {email} now. Anything else?",
        "Done, reminders go to {email} from today. Is there anything else?",
    ),
    "no waiver": (
        "I understand, but the desk cannot waive or lower a fine. {amount} is due. Would you like to pay a part or "
        "all of it, and how?",
        "I'm sorry, fines cannot be removed here. I can only book a payment towards the {amount}. Shall I, and how?",
    ),
    "private": (
        "I'm sorry, I may only speak about your own account. Is there anything else I can do for you?",
        "I can't tell you anything about another member's loans. Can I help with your own account?",
    ),
    "welcome": ("You are welcome, {first}.", "My pleasure.", "Gladly. Is there anything else?", "No problem at all."),
    "bye": (
        "You're welcome. Have a nice day!",
        "Thank you for coming by, {first}. Goodbye!",
        "Happy reading!",
        "Glad I could help. See you soon!",
        "Goodbye, and come again.",
    ),
}
"""What the assistant says, by act."""
