"""Passwords and their hashes, as the documentation and the tests of other systems publish them."""

import base64

UNICODE = "t\xe1\u0411\u2113\u0259"  # of passlib's tests
FIREBASE_KEY = (
    "jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA=="
)
FIREBASE = f"$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk={FIREBASE_KEY}$42xEC+ixf3L2lw==$"

PUBLISHED = {
    # Openwall's crypt_blowfish, and the others as in passlib/tests/test_handlers_bcrypt.py
    "bcrypt 2a": ("U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
    "bcrypt 2a, nothing": ("", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy"),
    "bcrypt 2a, long": (
        (
            "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
            "0123456789chars after 72 are ignored"
        ),
        "$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui",
    ),
    "bcrypt 2b": (UNICODE, "$2b$05$Z17AXnnlpzddNUvnC6cZNOSwMA/8oNiKnHTHTwLlBijfucQQlHjaG"),
    # github.com/supabase/auth, internal/crypto/password_test.go
    "bcrypt 2y": ("test", "$2y$10$srNl09aPtc2qr.0Vl.NtjekJRt/NxRxYQm3qd3OvfcKsJgVnr6.Ve"),
    # passlib/tests/test_handlers_django.py, made by Django 1.6 and 1.4
    "Django bcrypt": (
        UNICODE,
        "bcrypt$$2a$05$Z17AXnnlpzddNUvnC6cZNOSwMA/8oNiKnHTHTwLlBijfucQQlHjaG",
    ),
    "Django bcrypt_sha256": (
        "l\xe8tmein",
        "bcrypt_sha256$$2a$08$NDjSAIcas.EcoxCRiArvT.MkNiPYVhrsrnJsRkLueZOoV1bsQqlmC",
    ),
    "Django bcrypt_sha256, long": (
        "abc123" * 12 + "qwr",
        "bcrypt_sha256$$2a$06$Tg/oYyZTyAf.Nb3qSgN61Ocy0BEz1RK6xslSNi8PlaLX2pe7x/KQG",
    ),
    "Django pbkdf2_sha256": (
        UNICODE,
        "pbkdf2_sha256$10000$bEwAfNrH1TlQ$OgYUblFNUX1B8GfMqaCYUK/iHyO0pa7STTDdaEJBuY0=",
    ),
    # django/tests/auth_tests/test_hashers.py
    "Django 4.1 pbkdf2_sha256": (
        "l\xe8tmein",
        "pbkdf2_sha256$390000$seasalt$8xBlGd3jVgvJ+92hWPxi5ww0uuAuAnKgC45eudxro7c=",
    ),
    "Django 4.1 pbkdf2_sha1": (
        "l\xe8tmein",
        "pbkdf2_sha1$390000$seasalt2$aDapRanzW8aHTz97v2TcfHzWD+I=",
    ),
    "Django scrypt": (
        "l\xe8tmein",
        (
            "scrypt$16384$seasalt$8$1$Qj3+9PPyRjSJIebHnG81TMjsqtaIGxNQG/aEB/NY"
            "afTJ7tibgfYz71m0ldQESkXFRkdVCBhhY8mx7rQwite/Pw=="
        ),
    ),
    # RFC 6070
    "PBKDF2 of the RFC": (
        "password",
        "pbkdf2_sha1$4096$salt$"
        + base64.b64encode(bytes.fromhex("4b007901b765489abead49d926f721d065a429c1")).decode(),
    ),
    # passlib/tests/test_handlers_pbkdf2.py
    "passlib PBKDF2 of SHA-1": (
        "password",
        "$pbkdf2$1212$OB.dtnSEXZK8U5cgxU/GYQ$y5LKPOplRmok7CZp/aqVDVg8zGI",
    ),
    "passlib PBKDF2 of SHA-256": (
        "password",
        "$pbkdf2-sha256$1212$4vjV83LKPjQzk31VI4E0Vw$hsYF68OiOUPdDZ1Fg.fJPeq1h/gXXY7acBp9/6c.tmQ",
    ),
    "passlib PBKDF2 of SHA-512": (
        "password",
        (
            "$pbkdf2-sha512$1212$RHY0Fr3IDMSVO/RSZyb5ow$eNLfBK.eVozomMr.1gYa1"
            "7k9B7KIK25NOEshvhrSX.esqY3s.FvWZViXz4KoLlQI.BzY/YTNJOiKc5gBYFYGww"
        ),
    ),
    # The scrypt paper (RFC 7914), as in passlib/tests/test_handlers_scrypt.py
    "scrypt, nothing": ("", "$scrypt$ln=4,r=1,p=1$$d9ZXYjhleyA7GcpCwYoEl/FrSETjB0ro39/6P+3iFEI"),
    "scrypt of 16 lanes": (
        "password",
        "$scrypt$ln=10,r=8,p=16$TmFDbA$/bq+HJ00cgB4VucZDQHp/nxq18vII3gw53N2Y0s3MWI",
    ),
    "scrypt": (
        "pleaseletmein",
        "$scrypt$ln=14,r=8,p=1$U29kaXVtQ2hsb3JpZGU$cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofI",
    ),
    # github.com/firebase/scrypt: the README and a test
    "Firebase": (
        "user1password",
        (
            f"{FIREBASE}lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198"
            "JAdRuid5lQ=="
        ),
    ),
    "Firebase, another": (
        "hunter2",
        (
            f"{FIREBASE}70k8Vg5B3/OrvJOiqusnasv0dLcBHoDAqJrJr7TRLBfMw4MitWx51YXJYFdGiyMbMeKtWtLf5HiB"
            "DcN0SUOm4A=="
        ),
    ),
    # github.com/supabase/auth, internal/crypto/password_test.go
    "Supabase": (
        "mytestpassword",
        (
            "$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk=ou9tdYTGyYm8kuR6Dt0Bp0kDuAYoXrK16mbZO4yGwAn3oLspjnN0"
            "/c41v8xZnO1n14J3MjKj1b2g6AUCAlFwMw==$C0sHCg9ek77hsg==$zKVTMvnWVw5BBOZNUdnsalx4c4c7y/w7IS5p"
            "6Ut2+CfEFFlz37J9huyQfov4iizN8dbjvEJlM5tQaJP84+hfTw=="
        ),
    ),
    # Openwall's crypt_blowfish, wrapper.c; the last from John the Ripper, bf_fmt.c
    "bcrypt 2x of ASCII": ("U*U", "$2x$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
    "bcrypt 2x": ("\u0451", "$2x$05$6bNw2HLQYeqHYyBfLMsv/OiwqTymGIGzFsA4hOTWebfehXHNprcAS"),
    # phpass's test.php, and docs/lib/passlib.hash.phpass.rst
    "phpass": ("test12345", "$P$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0"),
    "phpass of passlib": ("password", "$P$8ohUJ.1sdFw09/bMaAQPTGDNi2BIUt1"),
    "phpBB": ("password", "$H$8ohUJ.1sdFw09/bMaAQPTGDNi2BIUt1"),
    # made by wp_hash_password() of WordPress 6.8
    "WordPress": (
        "grimoire-test-123",
        "$wp$2y$12$iWN5xRwDE7i9R5jVJvCyqOxS1CNnwUggQaF8O2W9Bg8TuXQz.ngrS",
    ),
    # published by users of Drupal 7 and 8
    "Drupal 7": ("huan", "$S$DXZrp425p2VN9LXpDWxiBeqSZSPexyZNNPUo80fTTN2e/W15a97G"),
    "Drupal 8": ("testPassword", "$S$E3eCRmuOrWA5i7FqQDiWp3wKl/BBBE3WovWiU/i6z3568Iq/REOK"),
    # Ulrich Drepper, "Unix crypt using SHA-256 and SHA-512"; checked with libxcrypt
    "SHA-256-crypt": (
        "Hello world!",
        "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5",
    ),
    "SHA-512-crypt": (
        "Hello world!",
        (
            "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJu"
            "esI68u4OTLiBFdcbYEdFCoEOfaS35inz1"
        ),
    ),
    "SHA-512-crypt of 10 000 rounds": (
        "Hello world!",
        (
            "$6$rounds=10000$saltstringsaltst$OW1/O6BYHV6BcXZu8QVeXbDWra3Oeqh0sbHbbMCVNSnCM/UrjmM0Dp"
            "8vOuZeHBy/YTBmSK6H9qs/y3RnOaw5v."
        ),
    ),
    # github.com/dotnet/aspnetcore, src/Identity/test/Identity.Test/PasswordHasherTest.cs
    "ASP.NET Identity 2": (
        "my password",
        "AAABAgMEBQYHCAkKCwwNDg+ukCEMDf0yyQ29NYubggHIVY0sdEUfdyeM+E1LtH1uJg==",
    ),
    "ASP.NET Identity 3, SHA-1": (
        "my password",
        "AQAAAAAAAAD6AAAAEAhftMyfTJylOlZT+eEotFXd1elee8ih5WsjXaR3PA9M",
    ),
    "ASP.NET Identity 3, SHA-256": (
        "my password",
        "AQAAAAEAACcQAAAAEAABAgMEBQYHCAkKCwwNDg+yWU7rLgUwPZb1Itsmra7cbxw2EFpwpVFIEtP+JIuUEw==",
    ),
    "ASP.NET Identity 3, SHA-512": (
        "my password",
        (
            "AQAAAAIAAAD6AAAAIJbVi5wbMR+htSfFp8fTw8N8GOS/Sje+S/4YZcgBfU7EQuqv4OkVYmc4VJl9AGZzmRTxSk"
            "P7LtVi9IWyUxX8IAAfZ8v+ZfhjCcudtC1YERSqE1OEdXLW9VukPuJWBBjLuw=="
        ),
    ),
    # github.com/ory/kratos, hash/hasher_test.go
    "LDAP": ("test123", "{SSHA}JFZFs0oHzxbMwkSJmYVeI8MnTDy/276a"),
    "LDAP, SHA-256": ("test123", "{SSHA256}czO44OTV17PcF1cRxWrLZLy9xHd7CWyVYplr1rOhuMlx/7IK"),
    "LDAP, SHA-512": (
        "test123",
        (
            "{SSHA512}xPUl/px+1cG55rUH4rzcwxdOIPSB2TingLpiJJumN2xyDWN4Ix1WQG3ihnvHaWUE8MYNkvMi5rf0C9"
            "NYixHsE6Yh59M="
        ),
    ),
    "Kratos PBKDF2": (
        "test",
        (
            "$pbkdf2-sha256$i=100000,l=32$1jP+5Zxpxgtee/iPxGgOz0RfE9/KJuDElP1ley4VxXc$QJxzfvdbHYBpyd"
            "CbHoFg3GJEqMFULwskiuqiJctoYpI"
        ),
    ),
    "Kratos PBKDF2, shorter than the digest": (
        "test",
        (
            "$pbkdf2-sha512$i=100000,l=32$bdHBpn7OWOivJMVJypy2UqR0UnaD5prQXRZevj/05YU$+wArTfv1a+bNGO"
            "1iZrmEdVjhA+lL11wF4/IxpgYfPwc"
        ),
    ),
    "Kratos scrypt": (
        "test",
        (
            "$scrypt$ln=16384,r=8,p=1$2npRo7P03Mt8keSoMbyD/tKFWyUzjiQf2svUaNDSrhA=$MiCzNcIplSMqSBrm4"
            "HckjYqYhaVPPjTARTzwB1cVNYE="
        ),
    ),
    "Kratos firescrypt": (
        "8x4WjoDbSxJZdR",
        (
            "$firescrypt$ln=14,r=8,p=1$sPtDhWcd1MfdAw==$xbSou7FOl6mChCyzpCPIQ7tku7nsQMTFtyOZSXXd7tjB"
            "a4NtimOx7v42Gv2SfzPQu1oxM2/k4SsbOu73wlKe1A==$Bw==$YE0dO4bwD4JnJafh6lZZfkp1MtKzuKAXQcDCJ"
            "NJNyeCHairWHKENOkbh3dzwaCdizzOspwr/FITUVlnOAwPKyw=="
        ),
    ),
}
"""By the system that made them."""

WRAPPED = {
    # docs.spring.io, Password Storage
    "Spring Security": (
        "password",
        "{bcrypt}$2a$10$dXJ3SW6G7P50lGmMkkmwe.20cQQubK3.HZWzG3YB1tlRy.fqvM/BG",
    ),
    # the same hashes as above, in the wrappers of others
    "Nextcloud, bcrypt": (
        "test",
        "1|$2y$10$srNl09aPtc2qr.0Vl.NtjekJRt/NxRxYQm3qd3OvfcKsJgVnr6.Ve",
    ),
    "Nextcloud, argon2i": (
        "test",
        "2|$argon2i$v=19$m=16,t=2,p=1$bGJRWThNOHJJTVBSdHl2dQ$NfEnUOuUpb7F2fQkgFUG4g",
    ),
    "Dovecot": ("test", "{BLF-CRYPT}$2y$10$srNl09aPtc2qr.0Vl.NtjekJRt/NxRxYQm3qd3OvfcKsJgVnr6.Ve"),
    "LDAP crypt": (
        "Hello world!",
        "{CRYPT}$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5",
    ),
    "Kratos crypt": (
        "Hello world!",
        "$sha256-crypt$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5",
    ),
    "blanks around it": (
        "test",
        " $2y$10$srNl09aPtc2qr.0Vl.NtjekJRt/NxRxYQm3qd3OvfcKsJgVnr6.Ve\r",
    ),
}
"""Hashes with something before them, which an import removes."""

PUBLISHED_ARGON2 = {
    # django/tests/auth_tests/test_hashers.py
    "Django argon2i without a version": (
        "secret",
        (
            "argon2$argon2i$m=8,t=1,p=1$c29tZXNhbHQ$gwQOXSNhxiOxPOA0+PY10P9QFO"
            "4NAYysnqRt1GSQLE55m+2GYDt9FEjPMHhP2Cuf0nOEXXMocVrsJAtNSsKyfg"
        ),
    ),
    "Django argon2i": (
        "secret",
        "argon2$argon2i$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$YC9+jJCrQhs5R6db7LlN8Q",
    ),
    "Django argon2id": (
        "secret",
        "argon2$argon2id$v=19$m=102400,t=2,p=8$Y041dExhNkljRUUy$TMa6A8fPJhCAUXRhJXCXdw",
    ),
    # github.com/supabase/auth, internal/crypto/password_test.go
    "argon2i": (
        "test",
        "$argon2i$v=19$m=16,t=2,p=1$bGJRWThNOHJJTVBSdHl2dQ$NfEnUOuUpb7F2fQkgFUG4g",
    ),
    "argon2id": (
        "test",
        (
            "$argon2id$v=19$m=32,t=3,p=2$SFVpOWJ0eXhjRzVkdGN1RQ"
            "$RXnb8rh7LaDcn07xsssqqulZYXOM/EUCEFMVcAcyYVk"
        ),
    ),
}
