using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using GlanceGateway.Registry;
using GlanceGateway.Testing;

namespace GlanceGateway.Images.Tests;

/// <summary>Signatures made by openssl, verified while the data passes.</summary>
public sealed class SignatureTests : IDisposable
{
    private static readonly byte[] data = RandomNumberGenerator.GetBytes(200_001);

    private readonly TempDirectory directory = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => directory.Dispose();

    [Theory]
    [InlineData("RSA-PSS", "SHA-224")]
    [InlineData("RSA-PSS", "SHA-256")]
    [InlineData("RSA-PSS", "SHA-384")]
    [InlineData("RSA-PSS", "SHA-512")]
    [InlineData("RSA-PSS", "SHA-256", "2041")]
    [InlineData("RSA-PSS", "SHA-256", "2047")]
    [InlineData("DSA", "SHA-224")]
    [InlineData("DSA", "SHA-512")]
    [InlineData("ECC_SECP384R1", "SHA-224")]
    [InlineData("ECC_SECP384R1", "SHA-384")]
    [InlineData("ECC_SECP521R1", "SHA-512")]
    [InlineData("ECC_SECT409K1", "SHA-256")]
    [InlineData("ECC_SECT409R1", "SHA-256")]
    [InlineData("ECC_SECT571K1", "SHA-384")]
    [InlineData("ECC_SECT571R1", "SHA-512")]
    public async Task Signed_data_is_taken_and_any_other_leaves_the_image_queued(string type, string method, string strength = "2048")
    {
        var id = await CertifyAsync(type, strength);
        var signature = await SignAsync(type, method, data);
        await using var world = await OpenAsync();
        var image = await CreateAsync(world, id, type, method, signature);

        var other = (byte[])data.Clone();
        other[^1] ^= 1;
        var refusal = await Assert.ThrowsAsync<ImageException>(() => world.UploadAsync(image, other));
        Assert.Equal(ImageError.Invalid, refusal.Error);
        Assert.Contains("Signature verification failed", refusal.Message, StringComparison.Ordinal);
        Assert.Equal((ImageStatus.Queued, null), ((await world.FindAsync(image)).Status, (await world.FindAsync(image)).Size));
        Assert.Empty(world.Files);

        await world.UploadAsync(image, data);
        Assert.Equal(ImageStatus.Active, (await world.FindAsync(image)).Status);
        Assert.Equal(data, await world.ReadAsync(image));
    }

    [Fact]
    public async Task A_salt_that_is_not_the_longest_is_refused()
    {
        var id = await CertifyAsync("RSA-PSS");
        await using var world = await OpenAsync();
        var image = await CreateAsync(world, id, "RSA-PSS", "SHA-256", await SignAsync("RSA-PSS", "SHA-256", data, salt: "digest"));
        Assert.Equal(ImageError.Invalid, await ImageWorld.RefusalAsync(world.UploadAsync(image, data)));
    }

    [Fact]
    public async Task Imported_data_is_verified_as_uploaded_data_is()
    {
        var id = await CertifyAsync("RSA-PSS");
        var signature = await SignAsync("RSA-PSS", "SHA-256", data);
        await using var world = await OpenAsync();
        foreach (var (staged, status, expected) in new[] { (data, WorkStatus.Success, ImageStatus.Active), (data[1..], WorkStatus.Failure, ImageStatus.Queued) })
        {
            var image = await CreateAsync(world, id, "RSA-PSS", "SHA-256", signature);
            await world.StageAsync(image, staged);
            await world.ImportAsync(image, """{"method":{"name":"glance-direct"}}""");
            Assert.Equal(status, (await world.EndOfTaskAsync(image)).Status);
            Assert.Equal(expected, (await world.FindAsync(image)).Status);
        }
    }

    [Fact]
    public async Task What_cannot_be_verified_is_refused_before_a_byte_is_read()
    {
        var id = await CertifyAsync("RSA-PSS");
        var signature = await SignAsync("RSA-PSS", "SHA-256", data);
        await File.WriteAllTextAsync(directory["7d2d4d0e-8a52-4a04-a4d3-cd8f8a0e6c11.pem"], "no certificate", Token);
        await using var world = await OpenAsync();
        foreach (var (uuid, type, method, text) in new[]
        {
            (id, "RSA-PSS", "SHA-256", "not base64"),
            (id, "RSA-PSS", "SHA-256", ""),
            (id, "RSA-PSS", "MD5", signature),
            (id, "RSA-PKCS1", "SHA-256", signature),
            (id, "DSA", "SHA-256", signature),
            (id, "ECC_SECP384R1", "SHA-256", signature),
            (id, "RSA-PSS", "SHA-512", signature),
            (id, "RSA-PSS", "SHA-256", Convert.ToBase64String(new byte[256])),
            (id, "RSA-PSS", "SHA-256", Convert.ToBase64String(Enumerable.Repeat((byte)255, 256).ToArray())),
            (id, "RSA-PSS", "SHA-256", Convert.ToBase64String([1])),
            ("../" + id, "RSA-PSS", "SHA-256", signature),
            ("7d2d4d0e-8a52-4a04-a4d3-cd8f8a0e6c11", "RSA-PSS", "SHA-256", signature),
            (Guid.NewGuid().ToString(), "RSA-PSS", "SHA-256", signature),
        })
        {
            var image = await CreateAsync(world, uuid, type, method, text);
            Assert.Equal(ImageError.Invalid, await ImageWorld.RefusalAsync(world.UploadAsync(image, data)));
            Assert.Equal(ImageStatus.Queued, (await world.FindAsync(image)).Status);
        }

        Assert.Empty(world.Files);
    }

    [Fact]
    public async Task Without_certificates_signed_images_are_refused_and_half_signed_ones_are_not_signed()
    {
        await using var world = await ImageWorld.OpenAsync();
        var signed = await CreateAsync(world, Guid.NewGuid().ToString(), "RSA-PSS", "SHA-256", "AAAA");
        Assert.Equal(ImageError.Invalid, await ImageWorld.RefusalAsync(world.UploadAsync(signed, data)));

        var half = await world.CreateAsync(attributes: [("img_signature", "AAAA"), ("img_signature_key_type", "RSA-PSS"), ("img_signature_hash_method", "SHA-256")]);
        await world.UploadAsync(half, data);
        Assert.Equal(ImageStatus.Active, (await world.FindAsync(half)).Status);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(40)]
    public async Task A_certificate_outside_of_its_time_is_refused(int days)
    {
        var id = await CertifyAsync("RSA-PSS");
        var time = new ManualTime();
        time.Advance(DateTimeOffset.UtcNow.AddDays(days) - time.GetUtcNow());
        await using var world = await OpenAsync(time);
        var image = await CreateAsync(world, id, "RSA-PSS", "SHA-256", await SignAsync("RSA-PSS", "SHA-256", data));
        Assert.Equal(ImageError.Invalid, await ImageWorld.RefusalAsync(world.UploadAsync(image, data)));
    }

    [Fact]
    public async Task Only_certificates_that_a_trusted_one_vouches_for_count_when_there_are_such()
    {
        var id = await CertifyAsync("RSA-PSS");
        var signature = await SignAsync("RSA-PSS", "SHA-256", data);
        var own = X509Certificate2.CreateFromPem(await File.ReadAllTextAsync(directory[id + ".pem"], Token));
        await CertifyAsync("ECC_SECP384R1");
        var stranger = X509Certificate2.CreateFromPem(await File.ReadAllTextAsync(directory["cert.pem"], Token));
        foreach (var (trusted, holds) in new[] { (stranger, false), (own, true) })
        {
            await using var world = await OpenAsync(trusted: [trusted]);
            var image = await CreateAsync(world, id, "RSA-PSS", "SHA-256", signature);
            if (holds)
            {
                await world.UploadAsync(image, data);
            }
            else
            {
                Assert.Equal(ImageError.Invalid, await ImageWorld.RefusalAsync(world.UploadAsync(image, data)));
            }
        }
    }

    [Fact]
    public async Task Certificates_that_others_may_write_are_not_used()
    {
        var id = await CertifyAsync("RSA-PSS");
        await using var world = await OpenAsync();
        var image = await CreateAsync(world, id, "RSA-PSS", "SHA-256", await SignAsync("RSA-PSS", "SHA-256", data));
        File.SetUnixFileMode(directory[id + ".pem"], UnixFileMode.UserRead | UnixFileMode.GroupWrite);
        Assert.Equal(ImageError.Unavailable, await ImageWorld.RefusalAsync(world.UploadAsync(image, data)));
        File.SetUnixFileMode(directory[id + ".pem"], UnixFileMode.UserRead | UnixFileMode.GroupRead);
        await world.UploadAsync(image, data);
    }

    [Fact]
    public void Sha224_is_that_of_the_standard_however_the_data_is_cut()
    {
        Assert.Equal("23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7", Convert.ToHexStringLower(Sha224.HashData("abc"u8)));
        Assert.Equal("d14a028c2a3a2bc9476102bb288234c415a2b01f828ea62ac5b3e42f", Convert.ToHexStringLower(Sha224.HashData([])));
        Assert.Equal(
            "75388b16512776cc5dba5da1fd890150b0c6455cb4f58b1952522525",
            Convert.ToHexStringLower(Sha224.HashData(Encoding.ASCII.GetBytes("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"))));
        foreach (var cut in new[] { 1, 55, 56, 63, 64, 65, 1000 })
        {
            var hash = new Sha224();
            foreach (var piece in data.Take(10_000).Chunk(cut))
            {
                hash.Append(piece);
            }

            Assert.Equal(Sha224.HashData(data.AsSpan(0, 10_000)), hash.Finish());
        }
    }

    private static Task<Image> CreateAsync(ImageWorld world, string id, string type, string method, string signature) => world.CreateAsync(attributes:
    [
        ("img_signature", signature),
        ("img_signature_hash_method", method),
        ("img_signature_key_type", type),
        ("img_signature_certificate_uuid", id),
    ]);

    private Task<ImageWorld> OpenAsync(TimeProvider? time = null, X509Certificate2Collection? trusted = null) => ImageWorld.OpenAsync(
        time: time, sweep: time is null, signatures: new SignatureOptions { Certificates = [new CertificateDirectory(directory.Path)], Trusted = trusted });

    /// <summary>Makes a key (<c>key.pem</c>) and its certificate for 30 days (<c>cert.pem</c>, and under its id).</summary>
    private async Task<string> CertifyAsync(string type, string strength = "2048")
    {
        var (key, id) = (directory["key.pem"], Guid.NewGuid().ToString());
        switch (type)
        {
            case "RSA-PSS":
                await OpensslAsync("genpkey", "-algorithm", "RSA", "-pkeyopt", $"rsa_keygen_bits:{strength}", "-out", key);
                break;
            case "DSA":
                await OpensslAsync("genpkey", "-genparam", "-algorithm", "DSA", "-pkeyopt", "dsa_paramgen_bits:1024", "-out", directory["dsa.pem"]);
                await OpensslAsync("genpkey", "-paramfile", directory["dsa.pem"], "-out", key);
                break;
            default:
                await OpensslAsync("genpkey", "-algorithm", "EC", "-pkeyopt", $"ec_paramgen_curve:{type[4..].ToLowerInvariant()}", "-out", key);
                break;
        }

        await OpensslAsync("req", "-x509", "-new", "-key", key, "-subj", "/CN=signer", "-days", "30", "-sha256", "-out", directory["cert.pem"]);
        File.Copy(directory["cert.pem"], directory[id + ".pem"]);
        File.SetUnixFileMode(directory[id + ".pem"], UnixFileMode.UserRead | UnixFileMode.UserWrite);
        return id;
    }

    private async Task<string> SignAsync(string type, string method, byte[] signed, string salt = "max")
    {
        await File.WriteAllBytesAsync(directory["data"], signed, Token);
        string[] padding = type == "RSA-PSS" ? ["-sigopt", "rsa_padding_mode:pss", "-sigopt", $"rsa_pss_saltlen:{salt}"] : [];
        await OpensslAsync(["dgst", "-" + method.Replace("-", "", StringComparison.Ordinal).ToLowerInvariant(), "-sign", directory["key.pem"], .. padding, "-out", directory["signature"], directory["data"]]);
        return Convert.ToBase64String(await File.ReadAllBytesAsync(directory["signature"], Token));
    }

    private static async Task OpensslAsync(params string[] arguments) => (await Command.RunAsync("openssl", arguments)).Succeeded();
}
