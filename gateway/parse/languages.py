"""What mail programs write around quotes, by language: a language is one row (design 6).

`parse.quotes` compares in casefolded text. To add a language, add a row; to add a program's wording, add a word.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """Words of one language, casefolded.

    `wrote` are verbs of an attribution line, `opens` its first words. `sender`, `subject` and `others` are the labels of a
    header block: From; Subject; and Outlook's Sent first, then Date, To, Cc, Reply-To. `original` and `forwarded` is what
    dividers say; `sent_from` how a line that a mail program adds by itself begins or ends.
    """

    code: str
    wrote: tuple[str, ...] = ()
    opens: tuple[str, ...] = ()
    sender: tuple[str, ...] = ()
    subject: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    original: tuple[str, ...] = ()
    forwarded: tuple[str, ...] = ()
    sent_from: tuple[str, ...] = ()


LANGUAGES: Final = (
    Language(
        code="en",
        wrote=("wrote", "writes", "said"),
        opens=("on ", "at ", "in article", "in message", "quoting "),
        sender=("from",),
        subject=("subject",),
        others=("sent", "date", "to", "cc", "reply-to", "importance", "sent by", "bcc", "attachments"),
        original=("original message", "original appointment", "reply message", "original mail", "original email"),
        forwarded=("forwarded message", "forwarded mail", "forwarded by", "begin forwarded", "fwd message"),
        sent_from=(
            "sent from ",
            "sent via ",
            "sent with ",
            "sent by ",
            "sent using ",
            "get outlook for ",
            "get [outlook for ",
            "from my ",
            " from mobile",
        ),
    ),
    Language(
        code="de",
        wrote=("schrieb", "schreibt"),
        opens=("am ",),
        sender=("von",),
        subject=("betreff",),
        others=("gesendet", "datum", "an", "cc", "antwort an", "kopie"),
        original=("ursprüngliche nachricht", "originalnachricht", "original-nachricht", "originalmail"),
        forwarded=("weitergeleitete nachricht", "anfang der weitergeleiteten", "weitergeleitet von"),
        sent_from=(
            "von meinem ",
            "gesendet von ",
            "gesendet mit ",
            "diese nachricht wurde von meinem",
            "diese e-mail wurde von meinem",
        ),
    ),
    Language(
        code="fr",
        wrote=("a écrit", "écrit", "a ecrit"),
        opens=("le ",),
        sender=("de",),
        subject=("objet", "sujet"),
        others=("envoyé", "date", "à", "cc", "répondre à"),
        original=("message d'origine", "message original", "message d’origine"),
        forwarded=("message transféré", "début du message", "message réexpédié"),
        sent_from=("envoyé de ", "envoyé depuis ", "envoyé à partir ", "télécharger outlook"),
    ),
    Language(
        code="es",
        wrote=("escribió", "escribio", "escribe"),
        opens=("el ",),
        sender=("de",),
        subject=("asunto",),
        others=("enviado", "fecha", "para", "cc", "enviado el", "responder a"),
        original=("mensaje original", "mensaje de origen"),
        forwarded=("mensaje reenviado", "inicio del mensaje reenviado"),
        sent_from=("enviado desde ", "enviado de mi", "enviado con ", "obtener outlook"),
    ),
    Language(
        code="it",
        wrote=("ha scritto", "scrive"),
        opens=("il ",),
        sender=("da",),
        subject=("oggetto",),
        others=("inviato", "data", "a", "cc", "risposta", "rispondi a"),
        original=("messaggio originale",),
        forwarded=("messaggio inoltrato", "inizio messaggio inoltrato"),
        sent_from=("inviato da ", "inviato dal ", "inviato con "),
    ),
    Language(
        code="pt",
        wrote=("escreveu",),
        opens=("em ",),
        sender=("de",),
        subject=("assunto",),
        others=("enviado", "enviada", "enviada em", "data", "para", "cc", "responder a"),
        original=("mensagem original",),
        forwarded=("mensagem encaminhada", "início da mensagem"),
        sent_from=("enviado do ", "enviado pelo ", "enviado a partir "),
    ),
    Language(
        code="nl",
        wrote=("schreef", "geschreven", "schrijft"),
        opens=("op ",),
        sender=("van",),
        subject=("onderwerp",),
        others=("verzonden", "datum", "aan", "cc", "beantwoorden"),
        original=("oorspronkelijk bericht", "origineel bericht", "oorspronkelijke bericht"),
        forwarded=("doorgestuurd bericht", "begin doorgestuurd"),
        sent_from=("verstuurd vanaf ", "verzonden vanaf ", "verzonden met ", "verstuurd via "),
    ),
    Language(
        code="sv",
        wrote=("skrev",),
        opens=("den ", "på "),
        sender=("från",),
        subject=("ämne",),
        others=("skickat", "datum", "till", "kopia"),
        original=("ursprungligt meddelande", "originalmeddelande"),
        forwarded=("vidarebefordrat", "vidarebefordrat meddelande"),
        sent_from=("skickat från ", "skickades från "),
    ),
    Language(
        code="da",
        wrote=("skrev",),
        opens=("den ", "på "),
        sender=("fra",),
        subject=("emne",),
        others=("sendt", "dato", "til", "cc", "svar til"),
        original=("oprindelig meddelelse", "original meddelelse"),
        forwarded=("videresendt besked", "videresendt meddelelse", "start på videresendt"),
        sent_from=("sendt fra ",),
    ),
    Language(
        code="no",
        wrote=("skrev",),
        opens=("den ", "på "),
        sender=("fra",),
        subject=("emne",),
        others=("sendt", "dato", "til", "kopi"),
        original=("opprinnelig melding", "original melding"),
        forwarded=("videresendt melding", "videresendt e-post"),
        sent_from=("sendt fra ",),
    ),
    Language(
        code="fi",
        wrote=("kirjoitti",),
        sender=("lähettäjä",),
        subject=("aihe",),
        others=("lähetetty", "päivämäärä", "päiväys", "vastaanottaja", "kopio"),
        original=("alkuperäinen viesti",),
        forwarded=("välitetty viesti", "edelleenlähetetty"),
        sent_from=("lähetetty ", "hanki outlook"),
    ),
    Language(
        code="pl",
        wrote=("napisał", "pisze", "napisal"),
        opens=("w dniu", "dnia "),
        sender=("od",),
        subject=("temat",),
        others=("wysłano", "data", "do", "dw", "wysłane"),
        original=("oryginalna wiadomość", "wiadomość oryginalna", "wiadomość oryginalna"),
        forwarded=("wiadomość przekazana", "przekazana wiadomość", "treść przekazanej wiadomości"),
        sent_from=("wysłane z ", "wysłano z "),
    ),
    Language(
        code="ru",
        wrote=("написал", "пишет", "писал"),
        sender=("от",),
        subject=("тема",),
        others=("отправлено", "дата", "кому", "копия"),
        original=("исходное сообщение", "пересылаемое письмо", "оригинальное сообщение"),
        forwarded=("пересланное сообщение", "пересылаемое сообщение", "начало переадресованного"),
        sent_from=("отправлено с ", "отправлено из "),
    ),
    Language(
        code="uk",
        wrote=("пише", "написав", "написала"),
        sender=("від",),
        subject=("тема",),
        others=("надіслано", "дата", "кому", "копія"),
        original=("оригінальне повідомлення", "вихідне повідомлення"),
        forwarded=("переслане повідомлення",),
        sent_from=("надіслано з ",),
    ),
    Language(
        code="cs",
        wrote=("napsal", "píše"),
        opens=("dne ",),
        sender=("od",),
        subject=("předmět",),
        others=("odesláno", "datum", "komu", "kopie"),
        original=("původní zpráva", "původní e-mail"),
        forwarded=("přeposlaná zpráva", "přeposlaný e-mail"),
        sent_from=("odesláno z ",),
    ),
    Language(
        code="tr",
        wrote=("şunları yazdı", "yazdı", "yazmış"),
        sender=("kimden", "gönderen"),
        subject=("konu",),
        others=("gönderildi", "gönderme tarihi", "tarih", "kime", "bilgi"),
        original=("orijinal ileti", "özgün ileti", "orijinal mesaj"),
        forwarded=("iletilen ileti", "yönlendirilmiş ileti", "yönlendirilen mesaj"),
        sent_from=("umdan gönderildi", "dan gönderildi"),
    ),
    Language(
        code="zh",
        wrote=("写道", "寫道", "写到", "编写"),
        opens=("在", "于", "於"),
        sender=("发件人", "寄件者", "寄件人"),
        subject=("主题", "主旨", "主題"),
        others=("发送时间", "发送日期", "日期", "时间", "收件人", "收件者", "抄送", "副本", "寄件日期", "已傳送"),
        original=("原始邮件", "原邮件", "原始郵件", "原始信件"),
        forwarded=("转发的邮件", "转发邮件", "轉寄的郵件", "已轉寄的郵件"),
        sent_from=("发自我的", "从我的", "從我的", "傳送自"),
    ),
    Language(
        code="ja",
        wrote=("のメッセージ", "のメール", "書きました", "書いた", "wrote"),
        sender=("差出人", "送信元"),
        subject=("件名",),
        others=("送信日時", "日付", "日時", "宛先", "送信済み"),
        original=("元のメッセージ", "オリジナルメッセージ"),
        forwarded=("転送メッセージ", "転送されたメッセージ", "ここから転送"),
        sent_from=("から送信", "送信元:"),
    ),
    Language(
        code="ko",
        wrote=("작성", "썼습니다", "님이"),
        sender=("보낸 사람", "보낸사람", "발신"),
        subject=("제목",),
        others=("보낸 날짜", "날짜", "받는 사람", "받는사람", "참조"),
        original=("원본 메시지", "원본 메일", "원래 메시지"),
        forwarded=("전달된 메시지", "전달된 메일"),
        sent_from=("에서 보냄", "에서 보낸"),
    ),
    Language(
        code="he",
        wrote=("כתב", "מאת"),
        opens=("בתאריך", "ב-"),
        sender=("מאת",),
        subject=("נושא",),
        others=("נשלח", "תאריך", "אל", "עותק"),
        original=("הודעה מקורית",),
        forwarded=("הודעה שהועברה",),
        sent_from=("נשלח מה",),
    ),
    Language(
        code="ar",
        wrote=("كتب", "كتبت"),
        opens=("في ",),
        sender=("من",),
        subject=("الموضوع",),
        others=("تم الإرسال", "التاريخ", "إلى", "نسخة"),
        original=("الرسالة الأصلية",),
        forwarded=("رسالة معاد توجيهها", "الرسالة المعاد توجيهها"),
        sent_from=("مرسل من", "أرسلت من"),
    ),
)

WROTE: Final = tuple(dict.fromkeys(word for row in LANGUAGES for word in row.wrote))
OPENS: Final = tuple(dict.fromkeys(word for row in LANGUAGES for word in row.opens))
ORIGINAL: Final = tuple(dict.fromkeys(word for row in LANGUAGES for word in row.original))
FORWARDED: Final = tuple(dict.fromkeys(word for row in LANGUAGES for word in row.forwarded))
SENT_FROM: Final = tuple(dict.fromkeys(word for row in LANGUAGES for word in row.sent_from))
SENDER: Final = frozenset(word for row in LANGUAGES for word in row.sender)
SENT: Final = frozenset(row.others[0] for row in LANGUAGES)
SUBJECT: Final = frozenset(word for row in LANGUAGES for word in row.subject)
LABELS: Final = SENDER | SUBJECT | frozenset(word for row in LANGUAGES for word in row.others)
