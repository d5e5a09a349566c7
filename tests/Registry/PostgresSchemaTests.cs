using DbUp.Engine;
using GlanceGateway.Registry;
using GlanceGateway.Registry.Database;
using GlanceGateway.Testing;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace GlanceGateway.Registry.Tests;

public sealed class PostgresSchemaTests : IAsyncDisposable
{
    private static readonly int Current = SchemaScripts.NumberOf(PostgresSchema.Scripts[^1].Name);

    private readonly PostgresHome _home = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public ValueTask DisposeAsync() => _home.DisposeAsync();

    private async Task<RegistryOptions> Empty() => new() { Postgres = await _home.DatabaseAsync(migrated: false), InstanceId = "gateway-1" };

    private static Task Migrate(RegistryOptions options) =>
        ImageRegistry.MigrateAsync(options, TimeProvider.System, NullLoggerFactory.Instance, Cancellation);

    private static Task MigrateNewer(RegistryOptions options, string script = "ALTER TABLE images ADD COLUMN later TEXT") => ImageRegistry.MigrateAsync(
        options,
        [.. PostgresSchema.Scripts, new SqlScript($"{Current + 1:0000}_later.sql", script)],
        TimeProvider.System, NullLoggerFactory.Instance, Cancellation);

    private async Task<string> Refusal(RegistryOptions options)
    {
        var refused = await Assert.ThrowsAsync<RegistryException>(() => _home.OpenAsync(options, TimeProvider.System));
        Assert.Contains(options.Postgres!.Place, refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("pgsecret", refused.ToString(), StringComparison.Ordinal);
        return refused.Message;
    }

    [Fact]
    public async Task A_reader_sees_what_was_committed_and_refuses_what_is_no_registry()
    {
        await using var home = new PostgresHome();
        var registry = await home.OpenAsync();
        var image = await registry.Insert(new Image { Id = Units.NewId(), Owner = "p" });
        await registry.Share(image.Id, "m", MemberStatus.Accepted);
        await using (var reader = await RegistryReader.OpenAsync(await home.DatabaseAsync(), TestContext.Current.CancellationToken))
        {
            Assert.Equal("p", (await reader.FindImageAsync(image.Id, TestContext.Current.CancellationToken))!.Owner);
            Assert.NotNull(await reader.FindMemberAsync(image.Id, "m", TestContext.Current.CancellationToken));
            Assert.Null(await reader.FindImageAsync(Units.NewId(), TestContext.Current.CancellationToken));
        }

        await using var empty = new PostgresHome();
        var none = await empty.DatabaseAsync(migrated: false);
        await Assert.ThrowsAsync<RegistryException>(() => RegistryReader.OpenAsync(none, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_database_that_was_not_migrated_says_how()
    {
        var options = await Empty();
        Assert.Contains("run 'glance-gateway db migrate'", await Refusal(options), StringComparison.Ordinal);
        await Migrate(options);
        await Migrate(options);
        Assert.NotNull(await (await _home.OpenAsync(options, TimeProvider.System)).Insert(new Image { Id = "a" }));
    }

    [Fact]
    public async Task Migrations_at_the_same_time_wait_for_each_other()
    {
        var options = await Empty();
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() => Migrate(options), Cancellation)));
        Assert.Equal(PostgresSchema.Scripts.Count, await (await _home.OpenAsync(options, TimeProvider.System)).Count(SchemaScripts.Journal));
    }

    [Fact]
    public async Task A_newer_schema_is_refused_by_name_and_an_older_one_is_to_be_migrated()
    {
        var options = await Empty();
        await Migrate(options);
        await using (var before = await _home.OpenAsync(options, TimeProvider.System))
        {
            await before.Insert(new Image { Id = "a" });

            // Gateways that run go on with a newer schema.
            await MigrateNewer(options);
            Assert.NotNull(await before.Find("a"));
            await before.Insert(new Image { Id = "b" });
        }

        var refusal = await Refusal(options);
        Assert.Contains($"schema {Current + 1}", refusal, StringComparison.Ordinal);
        Assert.Contains($"up to {Current} only: run the newer version", refusal, StringComparison.Ordinal);
        await Assert.ThrowsAsync<RegistryException>(() => Migrate(options));

        var older = await Assert.ThrowsAsync<RegistryException>(() => ImageRegistry.OpenAsync(
            options,
            [.. PostgresSchema.Scripts, new SqlScript($"{Current + 1:0000}_later.sql", ""), new SqlScript($"{Current + 2:0000}_last.sql", "")],
            TimeProvider.System, NullLoggerFactory.Instance, Cancellation));
        Assert.Contains($"has schema {Current + 1}", older.Message, StringComparison.Ordinal);
        Assert.Contains($"needs schema {Current + 2}: run 'glance-gateway db migrate'", older.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_script_that_fails_changes_nothing()
    {
        var options = await Empty();
        await Migrate(options);
        var refused = await Assert.ThrowsAsync<RegistryException>(() => MigrateNewer(
            options, "ALTER TABLE images ADD COLUMN later TEXT; INSERT INTO nowhere VALUES (1);"));
        Assert.Contains("later.sql", refused.Message, StringComparison.Ordinal);
        var registry = await _home.OpenAsync(options, TimeProvider.System);
        Assert.Equal(0, await registry.Count("information_schema.columns WHERE column_name = 'later'"));
    }

    [Fact]
    public async Task A_database_of_something_else_is_refused_and_left_alone()
    {
        var options = await Empty();
        await using (var connection = new NpgsqlConnection(options.Postgres!.ConnectionString))
        {
            await connection.OpenAsync(Cancellation);
            await using var command = new NpgsqlCommand("CREATE TABLE images (id TEXT)", connection);
            await command.ExecuteNonQueryAsync(Cancellation);
        }

        Assert.Contains("in use for something else", await Refusal(options), StringComparison.Ordinal);
        await Assert.ThrowsAsync<RegistryException>(() => Migrate(options));
    }

    [Theory]
    [InlineData("Database", "nothing", "create the database")]
    [InlineData("Password", "wrong", "check user name, password")]
    [InlineData("Port", "1", "check that the server runs")]
    [InlineData("Options", "-c default_transaction_read_only=on", "name the primary")]
    public async Task What_cannot_be_used_is_named_with_its_remedy(string key, string value, string remedy)
    {
        var parts = new NpgsqlConnectionStringBuilder((await _home.DatabaseAsync()).ConnectionString) { [key] = value };
        var options = new RegistryOptions { Postgres = new() { ConnectionString = parts.ConnectionString, Patience = TimeSpan.FromSeconds(1) }, InstanceId = "gateway-1" };
        if (key != "Options")
        {
            Assert.Contains(remedy, await Refusal(options), StringComparison.Ordinal);
            return;
        }

        // A standby can be read; what a unit says shows when the wait for a primary is over.
        var registry = await _home.OpenAsync(options, TimeProvider.System);
        var refused = await Assert.ThrowsAsync<RegistryException>(() => registry.Insert(new Image { Id = "a" }));
        Assert.Contains(remedy, refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_password_file_is_read_for_each_connection()
    {
        using var directory = new TempDirectory();
        var parts = new NpgsqlConnectionStringBuilder((await _home.DatabaseAsync()).ConnectionString);
        var password = parts.Password;
        parts.Password = null;
        var options = new RegistryOptions
        {
            Postgres = new() { ConnectionString = parts.ConnectionString, PasswordPath = directory["password"] },
            InstanceId = "gateway-1",
        };
        Assert.Contains("make the password file readable", await Refusal(options), StringComparison.Ordinal);
        await File.WriteAllTextAsync(directory["password"], "wrong", Cancellation);
        Assert.Contains("check user name, password", await Refusal(options), StringComparison.Ordinal);
        await File.WriteAllTextAsync(directory["password"], password + "\n", Cancellation);
        Assert.Null(await (await _home.OpenAsync(options, TimeProvider.System)).Find("a"));
    }

    [Theory]
    [InlineData("Host=h;Username=u;Password=s3cret", null)]
    [InlineData("postgresql://u:s3cret@h/d", "a URL is not taken here")]
    [InlineData("Host=h;Username=u;Pasword=s3cret", "no connection string of Npgsql")]
    [InlineData("Host=h;Username=u;Port=s3cret", "no connection string of Npgsql")]
    [InlineData("s3cret", "no connection string of Npgsql")]
    [InlineData("Host=h;Password=s3cret", "at least Host and Username")]
    [InlineData("Host=h;Username=u;Maximum Pool Size=1;Password=s3cret", "at least 2")]
    public void Options_say_what_is_wrong_and_no_secret(string connection, string? problem)
    {
        var options = new PostgresOptions { ConnectionString = connection };
        if (problem is null)
            Assert.Null(options.FindProblem());
        else
            Assert.Contains(problem, options.FindProblem(), StringComparison.Ordinal);
        Assert.DoesNotContain("s3cret", $"{options} {options.FindProblem()}", StringComparison.Ordinal);
    }
}
